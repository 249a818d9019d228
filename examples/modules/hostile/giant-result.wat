;; Must be refused by the limit on what a guest hands to the host: a few bytes of guest work ask for gigabytes of ours.
(component
  (core module $guest
    (memory (export "memory") 1100)
    (func $answer (param $pointer i32) (param $length i32) (result i32)
      (i32.store (i32.const 0) (local.get $pointer))
      (i32.store (i32.const 4) (local.get $length))
      (i32.const 0))
    ;; 64 MiB in one list.
    (func (export "large-list") (result i32) (call $answer (i32.const 64) (i32.const 67108864)))
    ;; 8192 strings that are all the same mebibyte of zeros: 8 GiB once they are copied out.
    (func (export "repeated-string") (result i32)
      (local $entry i32)
      (loop $again
        (i32.store (i32.add (i32.const 64) (i32.shl (local.get $entry) (i32.const 3))) (i32.const 1048576))
        (i32.store (i32.add (i32.const 68) (i32.shl (local.get $entry) (i32.const 3))) (i32.const 1048576))
        (local.set $entry (i32.add (local.get $entry) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $entry) (i32.const 8192))))
      (call $answer (i32.const 64) (i32.const 8192))))
  (core instance $guest (instantiate $guest))
  (func (export "large-list") (result (list u8))
    (canon lift (core func $guest "large-list") (memory (core memory $guest "memory"))))
  (func (export "repeated-string") (result (list string))
    (canon lift (core func $guest "repeated-string") (memory (core memory $guest "memory")))))
