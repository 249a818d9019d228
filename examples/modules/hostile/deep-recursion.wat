;; Must trap as an exhausted stack, and the process must live.
(module $deep_recursion
  (func $down (export "down") (param $depth i64) (result i64)
    (i64.add (i64.const 1) (call $down (i64.add (local.get $depth) (i64.const 1)))))
  (func (export "run") (result i64) (call $down (i64.const 0)))
  (func (export "health_check") (result i32) (i32.const 1)))
