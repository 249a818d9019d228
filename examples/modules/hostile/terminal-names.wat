;; Must be listed with its escapes neutralised: its exports and functions are named in terminal control sequences.
(module $terminal_names
  (func (export "\1b[2J\1b[31mrun\07") unreachable)
  (func (export "line\nbreak") (result i32) (i32.const 1))
  (func (export "__proto__") (result i32) (i32.const 2))
  (func (export "constructor") (result i32) (i32.const 3))
  (func (export "") (result i32) (i32.const 4))
  (func (export "health_check") (result i32) (i32.const 1)))
