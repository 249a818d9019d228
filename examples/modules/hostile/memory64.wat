;; Must be refused at validation: 64-bit memories are off unless asked for.
(module $memory64
  (memory (export "memory") i64 1)
  (func (export "run") (result i32) (i32.load (i64.const 0)))
  (func (export "health_check") (result i32) (i32.const 1)))
