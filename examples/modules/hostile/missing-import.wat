;; Must be refused when it is loaded, naming the import that no host provides.
(module $missing_import
  (import "env" "launch_missiles" (func $launch (param i32) (result i32)))
  (func (export "run") (result i32) (call $launch (i32.const 1)))
  (func (export "health_check") (result i32) (i32.const 1)))
