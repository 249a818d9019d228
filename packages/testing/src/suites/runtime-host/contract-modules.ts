/** A module of the suite, as text and as the bytes that the text assembles to. @internal */
export interface ContractModule {
  readonly wat: string;
  readonly base64: string;
}

/** Numbers in and out, a trap, state, memory, and a loop without end. @internal */
export const coreModule: ContractModule = {
  wat: `(module
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add_wide") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "nothing"))
  (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "spin") (loop (br 0)))
  (func (export "health_check") (result i32) (i32.const 1)))`,
  base64:
    'AGFzbQEAAAABHgZgAn9/AX9gAn5+AX5gAXwBfGAAAGAAAX9gAX8BfwMKCQABAgMABAUDBAUDAQABBgYBfwFBAAsHWgoGbWVtb3J5AgADYWRkAAAIYWRkX3dpZGUAAQRoYWxmAAIHbm90aGluZwADBmRpdmlkZQAEBWNvdW50AAUEZ3JvdwAGBHNwaW4ABwxoZWFsdGhfY2hlY2sACApLCQcAIAAgAWoLBwAgACABfAsOACAARAAAAAAAAABAowsCAAsHACAAIAFtCwsAIwBBAWokACMACwYAIABAAAsHAANADAALCwQAQQEL',
};

/** A WASI preview 1 command that prints a line and exits with 3. @internal */
export const commandModule: ContractModule = {
  wat: `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "hello\\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16))
    (i32.store (i32.const 4) (i32.const 6))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $proc_exit (i32.const 3))))`,
  base64:
    'AGFzbQEAAAABEANgBH9/f38Bf2ABfwBgAAACRgIWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQhmZF93cml0ZQAAFndhc2lfc25hcHNob3RfcHJldmlldzEJcHJvY19leGl0AAEDAgECBQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAIKIQEfAEEAQRA2AgBBBEEGNgIAQQFBAEEBQQgQABpBAxABCwsMAQBBEAsGaGVsbG8K',
};

/** Imports what nobody offers. @internal */
export const importingModule: ContractModule = {
  wat: '(module (import "nobody" "offers_this" (func)) (func (export "run")))',
  base64: 'AGFzbQEAAAABBAFgAAACFgEGbm9ib2R5C29mZmVyc190aGlzAAADAgEABwcBA3J1bgABCgQBAgAL',
};

/** @internal */
export function bytesOf(module: ContractModule): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(module.base64), (character) => character.charCodeAt(0));
}
