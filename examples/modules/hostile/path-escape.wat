;; Must end with exit code 0, which says that no path outside was opened; 1 says that one was.
(module $path_escape
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "/etc/passwd")
  (data (i32.const 128) "../../../../../../../../etc/passwd")
  (func $try (param $fd i32) (param $path i32) (param $length i32)
    ;; 1: follow symbolic links; 2: the right to read.
    (if (i32.eqz (call $path_open (local.get $fd) (i32.const 1) (local.get $path) (local.get $length)
                   (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
      (then (call $proc_exit (i32.const 1)))))
  (func (export "_start")
    (local $fd i32)
    (loop $again
      (call $try (local.get $fd) (i32.const 64) (i32.const 11))
      (call $try (local.get $fd) (i32.const 128) (i32.const 34))
      (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $fd) (i32.const 16))))))
