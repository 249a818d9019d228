;; Must be cut off at its wall-clock limit although it uses no CPU: it waits for an hour inside one host call.
(module $sleep_hour
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; One subscription at 0: user data 0, tag 0 (clock) at 8, clock 1 (monotonic) at 16, timeout in ns at 24, flags 0.
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))
