;; A WASI preview 1 reactor: it has no `_start`; its `_initialize` must have run before the first call.
(module $wasi_reactor
  (import "wasi_snapshot_preview1" "clock_time_get"
    (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (global $initialized (mut i32) (i32.const 0))

  (func (export "_initialize")
    (global.set $initialized (i32.add (global.get $initialized) (i32.const 1))))

  ;; How often `_initialize` ran: 1 in a correct host.
  (func (export "initialized") (result i32)
    (global.get $initialized))

  ;; The realtime clock in nanoseconds, 0 where the host refuses it.
  (func (export "now_ns") (result i64)
    (if (result i64) (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 8))
      (then (i64.const 0))
      (else (i64.load (i32.const 8)))))

  (func (export "health_check") (result i32)
    (i32.eq (global.get $initialized) (i32.const 1))))
