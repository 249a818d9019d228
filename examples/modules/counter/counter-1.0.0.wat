;; State in a global and in memory: a stateful instance keeps counting, a fresh instance per call always starts at 0.
(module $counter
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))

  ;; Adds to the value kept in memory, counts the call in a global, and answers the new value.
  (func (export "increment") (param $by i32) (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (local.get $by)))
    (i32.load (i32.const 0)))

  (func (export "value") (result i32)
    (i32.load (i32.const 0)))

  ;; How often this instance was asked to count.
  (func (export "calls") (result i32)
    (global.get $calls))

  (func (export "reset")
    (global.set $calls (i32.const 0))
    (i32.store (i32.const 0) (i32.const 0)))

  (func (export "health_check") (result i32)
    (i32.const 1)))
