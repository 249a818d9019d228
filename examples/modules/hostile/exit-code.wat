;; Must end with exit code 42, which is a result and not a failure of the platform.
(module $exit_code
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $proc_exit (i32.const 42)) unreachable))
