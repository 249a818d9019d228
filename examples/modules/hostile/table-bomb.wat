;; Must be refused growth at its table limit: `run` grows the table until it is, and answers the elements it got.
(module $table_bomb
  (table $table (export "table") 1 funcref)
  (func (export "run") (result i32)
    (block $refused
      (loop $again
        (br_if $refused (i32.eq (table.grow $table (ref.null func) (i32.const 4096)) (i32.const -1)))
        (br_if $again (i32.lt_u (table.size $table) (i32.const 0x7fff0000)))))
    (table.size $table))
  (func (export "health_check") (result i32) (i32.const 1)))
