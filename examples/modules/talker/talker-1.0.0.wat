;; A module that writes: numbered lines to standard output, a complaint to standard error, last words before a trap.
(module $talker
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "line 0000000\n")
  (data (i32.const 32) "trouble\n")
  (data (i32.const 48) "last words\n")
  (data (i32.const 64) "asked for its health\n")

  (func $write (param $fd i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))

  ;; Writes so many lines, numbered from 0, and answers how many.
  (func (export "say") (param $lines i32) (result i32)
    (local $line i32)
    (local $rest i32)
    (local $at i32)
    (loop $next
      (if (i32.lt_u (local.get $line) (local.get $lines))
        (then
          (local.set $rest (local.get $line))
          (local.set $at (i32.const 27))
          (loop $digit
            (i32.store8
              (local.get $at)
              (i32.add (i32.const 48) (i32.rem_u (local.get $rest) (i32.const 10))))
            (local.set $rest (i32.div_u (local.get $rest) (i32.const 10)))
            (local.set $at (i32.sub (local.get $at) (i32.const 1)))
            (br_if $digit (i32.ge_u (local.get $at) (i32.const 21))))
          (call $write (i32.const 1) (i32.const 16) (i32.const 13))
          (local.set $line (i32.add (local.get $line) (i32.const 1)))
          (br $next))))
    (local.get $lines))

  (func (export "complain")
    (call $write (i32.const 2) (i32.const 32) (i32.const 8)))

  (func (export "crash")
    (call $write (i32.const 2) (i32.const 48) (i32.const 11))
    (unreachable))

  (func (export "health_check") (result i32)
    (call $write (i32.const 1) (i32.const 64) (i32.const 21))
    (i32.const 1)))
