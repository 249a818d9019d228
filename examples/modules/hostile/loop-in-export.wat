;; Must be interrupted at its time limit; the instance is thrown away and the next call gets a fresh one.
(module $loop_in_export
  (func (export "run") (loop $again (br $again)))
  (func (export "health_check") (result i32) (i32.const 1)))
