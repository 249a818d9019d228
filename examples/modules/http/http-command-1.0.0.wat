;; An HTTP server as a WASI preview 1 command that speaks CGI/1.1 (RFC 3875): the request stands in its environment and on
;; its stdin, the answer goes to its stdout. It answers its environment, a line each, an empty line, and the request's
;; body. By PATH_INFO: /missing is answered with 404, /exit ends with the code 3 and no answer, /trap traps half-way.
(module $http_command
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  ;; 0: pointer and length of what is read or written; 8: how much was; 16, 20: how many variables, and their bytes;
  ;; 4096: pointers to the variables; 16384: their text; 131072: the body's buffer.
  (memory (export "memory") 4)
  (data (i32.const 256) "PATH_INFO=/missing\00")
  (data (i32.const 288) "PATH_INFO=/exit\00")
  (data (i32.const 320) "PATH_INFO=/trap\00")
  (data (i32.const 352) "Status: 404 Not Found\0d\0a")
  (data (i32.const 384) "Content-Type: text/plain\0d\0aX-Guest: http-command\0d\0a\0d\0a")
  (data (i32.const 448) "\0a")

  (func $write (param $from i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $from))
    (i32.store (i32.const 4) (local.get $length))
    (loop $more
      (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $proc_exit (i32.const 74))))
      (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 8))))
      (i32.store (i32.const 4) (i32.sub (i32.load (i32.const 4)) (i32.load (i32.const 8))))
      (br_if $more (i32.load (i32.const 4)))))

  (func $length_of (param $text i32) (result i32)
    (local $end i32)
    (local.set $end (local.get $text))
    (block $found
      (loop $next
        (br_if $found (i32.eqz (i32.load8_u (local.get $end))))
        (local.set $end (i32.add (local.get $end) (i32.const 1)))
        (br $next)))
    (i32.sub (local.get $end) (local.get $text)))

  ;; Whether two texts are equal, their ends included.
  (func $equal (param $left i32) (param $right i32) (result i32)
    (loop $next
      (if (i32.ne (i32.load8_u (local.get $left)) (i32.load8_u (local.get $right)))
        (then (return (i32.const 0))))
      (if (i32.eqz (i32.load8_u (local.get $left)))
        (then (return (i32.const 1))))
      (local.set $left (i32.add (local.get $left) (i32.const 1)))
      (local.set $right (i32.add (local.get $right) (i32.const 1)))
      (br $next))
    unreachable)

  (func $variable (param $index i32) (result i32)
    (i32.load (i32.add (i32.const 4096) (i32.shl (local.get $index) (i32.const 2)))))

  ;; Whether one of the variables is this one.
  (func $is_set (param $wanted i32) (result i32)
    (local $index i32)
    (block $none
      (loop $next
        (br_if $none (i32.ge_u (local.get $index) (i32.load (i32.const 16))))
        (if (call $equal (call $variable (local.get $index)) (local.get $wanted))
          (then (return (i32.const 1))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  (func $write_variables
    (local $index i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (i32.load (i32.const 16))))
        (call $write (call $variable (local.get $index)) (call $length_of (call $variable (local.get $index))))
        (call $write (i32.const 448) (i32.const 1))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next))))

  (func $copy_body
    (loop $more
      (i32.store (i32.const 0) (i32.const 131072))
      (i32.store (i32.const 4) (i32.const 65536))
      (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $proc_exit (i32.const 74))))
      (if (i32.load (i32.const 8))
        (then
          (call $write (i32.const 131072) (i32.load (i32.const 8)))
          (br $more)))))

  (func (export "_start")
    (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
    ;; More variables than there is room for is a request that this program does not take.
    (if (i32.or (i32.gt_u (i32.load (i32.const 16)) (i32.const 3000))
                (i32.gt_u (i32.load (i32.const 20)) (i32.const 100000)))
      (then (call $proc_exit (i32.const 64))))
    (drop (call $environ_get (i32.const 4096) (i32.const 16384)))
    (if (call $is_set (i32.const 288)) (then (call $proc_exit (i32.const 3))))
    (if (call $is_set (i32.const 256)) (then (call $write (i32.const 352) (i32.const 23))))
    (call $write (i32.const 384) (i32.const 51))
    (call $write_variables)
    (if (call $is_set (i32.const 320)) (then unreachable))
    (call $write (i32.const 448) (i32.const 1))
    (call $copy_body)))
