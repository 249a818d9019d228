;; Must be refused at validation: limits do not see a shared memory, and threads are off.
(module $shared_memory
  (memory (export "memory") 1 1024 shared)
  (func (export "run") (result i32)
    (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
  (func (export "wait") (result i32)
    (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
  (func (export "health_check") (result i32) (i32.const 1)))
