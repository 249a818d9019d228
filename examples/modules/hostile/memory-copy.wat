;; Must be interrupted within its limit plus one bulk copy: copies are single steps as large as its memory.
(module $memory_copy
  (memory (export "memory") 1)
  (func $grow
    (loop $again
      (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))))
  (func (export "run")
    (local $half i32)
    (call $grow)
    (local.set $half (i32.shr_u (i32.shl (memory.size) (i32.const 16)) (i32.const 1)))
    (loop $again
      (memory.copy (i32.const 0) (local.get $half) (local.get $half))
      (memory.copy (local.get $half) (i32.const 0) (local.get $half))
      (br $again)))
  (func (export "health_check") (result i32) (i32.const 1)))
