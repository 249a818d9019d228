;; An HTTP server as a core module: the host hands over a request as HTTP/1.1 text and takes an answer in the same form.
;; The answer's body is the request as it came. A request that begins with `GET /trap ` traps, one that begins with
;; `GET /bad ` is answered with something that is no HTTP.
(module $http_handler
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 65536))
  (data (i32.const 256) "HTTP/1.1 200 OK\0d\0acontent-type: text/plain\0d\0ax-guest: http-handler\0d\0a\0d\0a")
  (data (i32.const 384) "no HTTP")
  (data (i32.const 400) "GET /trap ")
  (data (i32.const 416) "GET /bad ")

  ;; Room for so many bytes, until the instance ends. 0: there is none.
  (func $alloc (export "hotswap_alloc") (param $length i32) (result i32)
    (local $from i32)
    (local $missing i32)
    (local.set $from (global.get $next))
    (if (i32.lt_u (i32.add (local.get $from) (local.get $length)) (local.get $from)) (then (return (i32.const 0))))
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (i32.add (local.get $from) (local.get $length)) (i32.const 65535)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1)) (then (return (i32.const 0))))))
    (global.set $next (i32.add (local.get $from) (local.get $length)))
    (local.get $from))

  (func $begins (param $text i32) (param $length i32) (param $with i32) (param $with_length i32) (result i32)
    (local $index i32)
    (if (i32.lt_u (local.get $length) (local.get $with_length)) (then (return (i32.const 0))))
    (loop $next
      (if (i32.ne
            (i32.load8_u (i32.add (local.get $text) (local.get $index)))
            (i32.load8_u (i32.add (local.get $with) (local.get $index))))
        (then (return (i32.const 0))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $index) (local.get $with_length))))
    (i32.const 1))

  (func $answer (param $from i32) (param $length i32) (result i64)
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $from)) (i64.const 32))
      (i64.extend_i32_u (local.get $length))))

  ;; The request's place and length; the answer's place in the upper half, its length in the lower one.
  (func (export "hotswap_http_handle") (param $request i32) (param $length i32) (result i64)
    (local $to i32)
    (if (call $begins (local.get $request) (local.get $length) (i32.const 400) (i32.const 10)) (then unreachable))
    (if (call $begins (local.get $request) (local.get $length) (i32.const 416) (i32.const 9))
      (then (return (call $answer (i32.const 384) (i32.const 7)))))
    (local.set $to (call $alloc (i32.add (i32.const 68) (local.get $length))))
    (if (i32.eqz (local.get $to)) (then unreachable))
    (memory.copy (local.get $to) (i32.const 256) (i32.const 68))
    (memory.copy (i32.add (local.get $to) (i32.const 68)) (local.get $request) (local.get $length))
    (call $answer (local.get $to) (i32.add (i32.const 68) (local.get $length))))

  (func (export "health_check") (result i32)
    (i32.const 1)))
