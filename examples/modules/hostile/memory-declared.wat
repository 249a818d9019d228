;; Must be refused when it is instantiated: it asks for 4 GiB before any of its code runs.
(module $memory_declared
  (memory (export "memory") 65536)
  (func (export "run"))
  (func (export "health_check") (result i32) (i32.const 1)))
