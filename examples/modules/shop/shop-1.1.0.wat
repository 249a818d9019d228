;; A business metric: each visit reports its orders through the host's counter, and answers how many there were.
(module $shop
  (import "hotswap:module/metrics" "counter" (func $counter (param $name i32) (param $length i32) (param $value i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "orders")

  (func (export "visit") (result i32)
    (call $counter (i32.const 0) (i32.const 6) (i64.const 3))
    (i32.const 3))

  (func (export "health_check") (result i32)
    (i32.const 1)))
