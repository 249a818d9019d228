;; Must fail its preflight with the trap and never be routed to.
(module $trap_in_start
  (func $start unreachable)
  (start $start)
  (func (export "run"))
  (func (export "health_check") (result i32) (i32.const 1)))
