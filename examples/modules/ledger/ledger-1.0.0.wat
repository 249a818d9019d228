;; A side effect: `enter` writes a file into the first folder it was given, and answers the same whether that worked; `fault`
;; says what the last attempt came to: 0, or the number of the WASI error.
(module $ledger
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "entry")
  ;; One piece of data to write: the five bytes at 64.
  (data (i32.const 80) "\40\00\00\00\05\00\00\00")

  (func $write (result i32)
    (local $error i32)
    ;; 9: create and truncate; 64: the right to write.
    (local.set $error (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 5)
      (i32.const 9) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 96)))
    (if (i32.eqz (local.get $error))
      (then (local.set $error (call $fd_write (i32.load (i32.const 96)) (i32.const 80) (i32.const 1) (i32.const 100)))))
    (local.get $error))

  (func (export "_initialize"))
  (func (export "enter") (result i32)
    (drop (call $write))
    (i32.const 1))
  (func (export "fault") (result i32)
    (call $write))
  (func (export "health_check") (result i32)
    (i32.const 1)))
