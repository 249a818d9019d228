;; Must fail its preflight and never be routed to: it ends the program while it is being instantiated.
(module $exit_in_start
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $start (call $proc_exit (i32.const 0)))
  (start $start)
  (func (export "run"))
  (func (export "health_check") (result i32) (i32.const 1)))
