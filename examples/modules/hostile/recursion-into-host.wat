;; Must trap or end with exit code 3: it calls the host at every depth, so that a host frame is the last one that fits.
(module $recursion_into_host
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $down (param $depth i32) (result i32)
    (if (call $random_get (i32.const 0) (i32.const 8)) (then (call $proc_exit (i32.const 3))))
    (i32.add (i32.const 1) (call $down (i32.add (local.get $depth) (i32.const 1)))))
  (func (export "_start") (drop (call $down (i32.const 0)))))
