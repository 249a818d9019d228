;; Must be refused when it is loaded: the host has this import, but with another type.
(module $wrong_import_type
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i64) (result f32)))
  (memory (export "memory") 1)
  (func (export "_start") (drop (call $fd_write (i64.const 1)))))
