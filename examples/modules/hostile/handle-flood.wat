;; Must be stopped by the cap on host handles or its time limit: it opens two million pollables and closes none.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer-pollable))
    (export "pollable" (type $pollable (eq $outer-pollable)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $guest
    (import "clock" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "run") (result i32)
      (local $opened i32)
      (loop $again
        (drop (call $subscribe (i64.const 3600000000000)))
        (local.set $opened (i32.add (local.get $opened) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $opened) (i32.const 2000000))))
      (local.get $opened)))
  (core instance $guest (instantiate $guest
    (with "clock" (instance (export "subscribe" (func $subscribe))))))
  (func (export "run") (result u32) (canon lift (core func $guest "run"))))
