;; Must count as a failed health check after its timeout, while `run` itself would answer.
(module $loop_in_health_check
  (func (export "run") (result i32) (i32.const 7))
  (func (export "health_check") (result i32) (loop $again (br $again)) (i32.const 1)))
