;; Must be refused at the latest when it is instantiated: its table alone would need 32 GiB.
(module $huge_table
  (table (export "table") 4294967295 funcref)
  (func (export "run"))
  (func (export "health_check") (result i32) (i32.const 1)))
