/**
 * A WASI preview 1 command that shows each way in and out: it prints its arguments and the variable
 * HOTSWAP_GREETING, copies stdin to stdout in upper case, writes one line to stderr, and ends with the exit code
 * that an argument `--exit=N` asks for (0 without).
 *
 * Written against the raw imports with fixed buffers, so that it needs no language runtime and stays under 2 kB.
 */

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_sizes_get")
declare function args_sizes_get(count: usize, size: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_get")
declare function args_get(pointers: usize, buffer: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "environ_sizes_get")
declare function environ_sizes_get(count: usize, size: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "environ_get")
declare function environ_get(pointers: usize, buffer: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read")
declare function fd_read(fd: i32, vectors: usize, count: usize, read: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, count: usize, written: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: i32): void;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
/** The command's own failures: too many or too large arguments, or a stream that breaks. */
const EXIT_USAGE = 64;
const EXIT_IO = 74;

const BUFFER_SIZE: usize = 16384;
const MAX_STRINGS: usize = 256;

const vector = memory.data(8, 4);
const transferred = memory.data(4, 4);
const count = memory.data(4, 4);
const size = memory.data(4, 4);
const pointers = memory.data(1024, 4);
const buffer = memory.data(16384, 4);

function cStringLength(pointer: usize): usize {
  let end = pointer;
  while (load<u8>(end) != 0) end++;
  return end - pointer;
}

function write(fd: i32, pointer: usize, length: usize): void {
  while (length > 0) {
    store<usize>(vector, pointer);
    store<usize>(vector, length, 4);
    if (fd_write(fd, vector, 1, transferred) != 0) proc_exit(EXIT_IO);
    const written = load<u32>(transferred);
    if (written == 0) proc_exit(EXIT_IO);
    pointer += written;
    length -= written;
  }
}

function startsWith(pointer: usize, prefix: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i++) {
    if (load<u8>(pointer + i) != load<u8>(prefix + i)) return false;
  }
  return true;
}

function parseNumber(pointer: usize): i32 {
  let value = 0;
  for (let digit = load<u8>(pointer); digit >= 48 && digit <= 57; digit = load<u8>(++pointer)) {
    value = value * 10 + (digit - 48);
  }
  return value;
}

function fits(): bool {
  return load<u32>(count) <= <u32>MAX_STRINGS && load<u32>(size) <= <u32>BUFFER_SIZE;
}

const ARG_LABEL = memory.data<u8>([97, 114, 103, 58, 32]); // "arg: "
const EXIT_FLAG = memory.data<u8>([45, 45, 101, 120, 105, 116, 61]); // "--exit="
// "HOTSWAP_GREETING="
const ENV_NAME = memory.data<u8>([72, 79, 84, 83, 87, 65, 80, 95, 71, 82, 69, 69, 84, 73, 78, 71, 61]);
const ENV_LABEL = memory.data<u8>([101, 110, 118, 58, 32]); // "env: "
const DONE = memory.data<u8>([100, 111, 110, 101, 10]); // "done\n"
const NEW_LINE = memory.data<u8>([10]);

/** Prints every argument after the program's name and answers the exit code asked for. */
function printArguments(): i32 {
  let exitCode = 0;
  if (args_sizes_get(count, size) != 0 || !fits()) proc_exit(EXIT_USAGE);
  if (args_get(pointers, buffer) != 0) proc_exit(EXIT_USAGE);
  for (let i: u32 = 1; i < load<u32>(count); i++) {
    const argument = load<usize>(pointers + i * 4);
    if (startsWith(argument, EXIT_FLAG, 7)) exitCode = parseNumber(argument + 7);
    write(STDOUT, ARG_LABEL, 5);
    write(STDOUT, argument, cStringLength(argument));
    write(STDOUT, NEW_LINE, 1);
  }
  return exitCode;
}

function printGreetingVariable(): void {
  if (environ_sizes_get(count, size) != 0 || !fits()) proc_exit(EXIT_USAGE);
  if (environ_get(pointers, buffer) != 0) proc_exit(EXIT_USAGE);
  for (let i: u32 = 0; i < load<u32>(count); i++) {
    const variable = load<usize>(pointers + i * 4);
    if (!startsWith(variable, ENV_NAME, 17)) continue;
    write(STDOUT, ENV_LABEL, 5);
    write(STDOUT, variable + 17, cStringLength(variable + 17));
    write(STDOUT, NEW_LINE, 1);
  }
}

/** Upper case of ASCII letters only: a byte at a time, so that a character cut between two reads stays whole. */
function copyInUpperCase(): void {
  while (true) {
    store<usize>(vector, buffer);
    store<usize>(vector, BUFFER_SIZE, 4);
    if (fd_read(STDIN, vector, 1, transferred) != 0) proc_exit(EXIT_IO);
    const length = load<u32>(transferred);
    if (length == 0) return;
    for (let i: usize = 0; i < length; i++) {
      const byte = load<u8>(buffer + i);
      if (byte >= 97 && byte <= 122) store<u8>(buffer + i, byte - 32);
    }
    write(STDOUT, buffer, length);
  }
}

export function _start(): void {
  const exitCode = printArguments();
  printGreetingVariable();
  copyInUpperCase();
  write(STDERR, DONE, 5);
  if (exitCode != 0) proc_exit(exitCode);
}
