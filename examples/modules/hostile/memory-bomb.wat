;; Must be refused growth at its memory limit: `run` grows and touches memory until it is, and answers the pages it got.
(module $memory_bomb
  (memory (export "memory") 1)
  (func $touch (param $page i32)
    (i32.store (i32.shl (local.get $page) (i32.const 16)) (i32.const 0x5a5a5a5a)))
  (func (export "run") (result i32)
    (local $page i32)
    (block $refused
      (loop $again
        (local.set $page (memory.grow (i32.const 1)))
        (br_if $refused (i32.eq (local.get $page) (i32.const -1)))
        (call $touch (local.get $page))
        (br_if $again (i32.lt_u (local.get $page) (i32.const 65535)))))
    (memory.size))
  (func (export "health_check") (result i32) (i32.const 1)))
