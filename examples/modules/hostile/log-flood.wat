;; Must be capped at the output limit and stopped at its time limit; its terminal escapes must never reach a terminal.
(module $log_flood
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; One vector of 64 bytes at 16: clear the screen, set the window's title, turn red, ring the bell.
  (data (i32.const 0) "\10\00\00\00\40\00\00\00")
  (data (i32.const 16) "\1b[2J\1b]0;owned\07\1b[31mERROR \1b[8m0123456789abcdefghijklmnopqrstuv\07\r\n\n\n")
  (func $flood (param $fd i32)
    (loop $again
      (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $again)))
  (func (export "_start") (call $flood (i32.const 1)))
  (func (export "flood_stderr") (call $flood (i32.const 2))))
