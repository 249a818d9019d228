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

/** Traps when it is started. @internal */
export const trappingModule: ContractModule = {
  wat: '(module (func $trap unreachable) (start $trap) (func (export "x")))',
  base64: 'AGFzbQEAAAABBAFgAAADAwIAAAcFAQF4AAEIAQAKCAIDAAALAgAL',
};

/** A command and a function, with ten pages of memory. @internal */
export const pagesModule: ContractModule = {
  wat: '(module (memory 10) (func (export "_start") (export "touch")))',
  base64: 'AGFzbQEAAAABBAFgAAADAgEABQMBAAoHEgIGX3N0YXJ0AAAFdG91Y2gAAAoEAQIACw==',
};

/** Imports what nobody offers. @internal */
export const importingModule: ContractModule = {
  wat: '(module (import "nobody" "offers_this" (func)) (func (export "run")))',
  base64: 'AGFzbQEAAAABBAFgAAACFgEGbm9ib2R5C29mZmVyc190aGlzAAADAgEABwcBA3J1bgABCgQBAgAL',
};

/**
 * A WASI preview 1 command: prints its arguments and its environment as WASI hands them over, each ended by a zero byte,
 * copies standard input to standard error, and exits with the number of its arguments.
 * @internal
 */
export const programModule: ContractModule = {
  wat: `(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $write (param $fd i32) (param $at i32) (param $size i32)
    (i32.store (i32.const 16) (local.get $at))
    (i32.store (i32.const 20) (local.get $size))
    (drop (call $fd_write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 24))))
  (func (export "_start") (local $argc i32)
    (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (local.set $argc (i32.load (i32.const 0)))
    (drop (call $args_get (i32.const 1024) (i32.const 2048)))
    (call $write (i32.const 1) (i32.const 2048) (i32.load (i32.const 4)))
    (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $environ_get (i32.const 1024) (i32.const 4096)))
    (call $write (i32.const 1) (i32.const 4096) (i32.load (i32.const 4)))
    (loop $more
      (i32.store (i32.const 16) (i32.const 8192))
      (i32.store (i32.const 20) (i32.const 4096))
      (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 28)))
      (if (i32.load (i32.const 28)) (then
        (call $write (i32.const 2) (i32.const 8192) (i32.load (i32.const 28)))
        (br $more))))
    (call $proc_exit (local.get $argc))))`,
  base64:
    'AGFzbQEAAAABHAVgAn9/AX9gBH9/f38Bf2ABfwBgA39/fwBgAAACgQIHFndhc2lfc25hcHNob3RfcHJldmlldzEOYXJnc19zaXplc19nZXQAABZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGFyZ3NfZ2V0AAAWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MRFlbnZpcm9uX3NpemVzX2dldAAAFndhc2lfc25hcHNob3RfcHJldmlldzELZW52aXJvbl9nZXQAABZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxB2ZkX3JlYWQAARZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRlAAEWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQlwcm9jX2V4aXQAAgMDAgMEBQMBAAEHEwIGbWVtb3J5AgAGX3N0YXJ0AAgKmwECGwBBECABNgIAQRQgAjYCACAAQRBBAUEYEAUaC30BAX9BAEEEEAAaQQAoAgAhAEGACEGAEBABGkEBQYAQQQQoAgAQB0EAQQQQAhpBgAhBgCAQAxpBAUGAIEEEKAIAEAcDQEEQQYDAADYCAEEUQYAgNgIAQQBBEEEBQRwQBBpBHCgCAARAQQJBgMAAQRwoAgAQBwwBCwsgABAGCw==',
};

/**
 * A WASI preview 1 command on the first folder that it was given: prints the file that its first argument names, or, with
 * a second argument, creates it; exits with the error number of what was refused.
 * @internal
 */
export const folderModule: ContractModule = {
  wat: `(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func $length (param $at i32) (result i32) (local $end i32)
    (local.set $end (local.get $at))
    (block $done (loop $next
      (br_if $done (i32.eqz (i32.load8_u (local.get $end))))
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (br $next)))
    (i32.sub (local.get $end) (local.get $at)))
  (func $check (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (local.get $errno)))))
  (func (export "_start") (local $creates i32)
    (call $check (call $args_sizes_get (i32.const 0) (i32.const 4)))
    (local.set $creates (i32.gt_u (i32.load (i32.const 0)) (i32.const 2)))
    (call $check (call $args_get (i32.const 1024) (i32.const 2048)))
    (call $check (call $path_open (i32.const 3) (i32.const 1)
      (i32.load (i32.const 1028)) (call $length (i32.load (i32.const 1028)))
      (local.get $creates)
      (select (i64.const 64) (i64.const 2) (local.get $creates))
      (i64.const 0) (i32.const 0) (i32.const 8)))
    (i32.store (i32.const 16) (i32.const 8192))
    (i32.store (i32.const 20) (i32.const 4))
    (if (local.get $creates) (then
      (i32.store (i32.const 8192) (i32.const 0x2177656e))
      (call $check (call $fd_write (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 24)))
      (return)))
    (i32.store (i32.const 20) (i32.const 4096))
    (call $check (call $fd_read (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 28)))
    (i32.store (i32.const 20) (i32.load (i32.const 28)))
    (call $check (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))))`,
  base64:
    'AGFzbQEAAAABKAZgAn9/AX9gCX9/f39/fn5/fwF/YAR/f39/AX9gAX8AYAF/AX9gAAAC1AEGFndhc2lfc25hcHNob3RfcHJldmlldzEOYXJnc19zaXplc19nZXQAABZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGFyZ3NfZ2V0AAAWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQlwYXRoX29wZW4AARZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxB2ZkX3JlYWQAAhZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRlAAIWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQlwcm9jX2V4aXQAAwMEAwQDBQUDAQABBxMCBm1lbW9yeQIABl9zdGFydAAICtkBAyQBAX8gACEBAkADQCABLQAARQ0BIAFBAWohAQwACwsgASAAawsLACAABEAgABAFCwulAQEBf0EAQQQQABAHQQAoAgBBAkshAEGACEGAEBABEAdBA0EBQYQIKAIAQYQIKAIAEAYgAELAAEICIAAbQgBBAEEIEAIQB0EQQYDAADYCAEEUQQQ2AgAgAARAQYDAAEHuyt2LAjYCAEEIKAIAQRBBAUEYEAQQBw8LQRRBgCA2AgBBCCgCAEEQQQFBHBADEAdBFEEcKAIANgIAQQFBEEEBQRgQBBAHCw==',
};

/**
 * Functions of WASI preview 1 that write: a letter so many times, a byte at once; a line to each stream; the same and then a
 * trap; the same and then a loop without end.
 * @internal
 */
export const speakerModule: ContractModule = {
  wat: `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "said \\1b[1mthis\\n")
  (data (i32.const 32) "trouble\\n")
  (func $write (param $fd i32) (param $at i32) (param $size i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $size))
    (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "repeat") (param $letter i32) (param $times i32) (result i32)
    (i32.store8 (i32.const 48) (local.get $letter))
    (loop $next
      (if (local.get $times) (then
        (call $write (i32.const 1) (i32.const 48) (i32.const 1))
        (local.set $times (i32.sub (local.get $times) (i32.const 1)))
        (br $next))))
    (local.get $letter))
  (func $say (export "say")
    (call $write (i32.const 1) (i32.const 16) (i32.const 14))
    (call $write (i32.const 2) (i32.const 32) (i32.const 8)))
  (func (export "trap") (call $say) (unreachable))
  (func (export "spin") (call $say) (loop (br 0))))`,
  base64:
    'AGFzbQEAAAABGARgBH9/f38Bf2ADf39/AGACf38Bf2AAAAIjARZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRlAAADBgUBAgMDAwUDAQABBycFBm1lbW9yeQIABnJlcGVhdAACA3NheQADBHRyYXAABARzcGluAAUKZQUbAEEAIAE2AgBBBCACNgIAIABBAEEBQQgQABoLJABBMCAAOgAAA0AgAQRAQQFBMEEBEAEgAUEBayEBDAELCyAACxIAQQFBEEEOEAFBAkEgQQgQAQsFABADAAsJABADA0AMAAsLCyECAEEQCw5zYWlkIBtbMW10aGlzCgBBIAsIdHJvdWJsZQo=',
};

/** A function that needs SIMD. @internal */
export const simdModule: ContractModule = {
  wat: `(module (func (export "lane") (result i32) (i32x4.extract_lane 2 (v128.const i32x4 1 2 3 4))))`,
  base64: 'AGFzbQEAAAABBQFgAAF/AwIBAAcIAQRsYW5lAAAKGQEXAP0MAQAAAAIAAAADAAAABAAAAP0bAgs=',
};

/** The shortest component. @internal */
export const emptyComponent: ContractModule = { wat: '(component)', base64: 'AGFzbQ0AAQA=' };

/** @internal */
export function bytesOf(module: ContractModule): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(module.base64), (character) => character.charCodeAt(0));
}
