;; Must end with exit code 0: the number of environment variables and arguments that it sees without being given any.
(module $environment_leak
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (local $arguments i32)
    (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $args_sizes_get (i32.const 8) (i32.const 12)))
    ;; The first argument is the program's own name, where the host gives one.
    (if (i32.gt_u (i32.load (i32.const 8)) (i32.const 1)) (then (local.set $arguments (i32.load (i32.const 8)))))
    (call $proc_exit (i32.add (i32.load (i32.const 0)) (local.get $arguments)))))
