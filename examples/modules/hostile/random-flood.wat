;; Must be refused or interrupted: it asks for as many random bytes as its memory holds, for ever.
(module $random_flood
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 512)
  (func (export "_start")
    (loop $again
      (drop (call $random_get (i32.const 0) (i32.const 33554432)))
      (br $again))))
