;; Must fail its preflight at the time limit of instantiation and never be routed to.
(module $loop_in_start
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "run"))
  (func (export "health_check") (result i32) (i32.const 1)))
