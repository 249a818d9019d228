/** What a generated guest looks like. */
export interface GuestShape {
  /** `add(a, b)` answers a + b + offset, so that versions can be told apart. Default 0. */
  readonly offset?: number;
  /** Functions that nobody calls, for size: about 110 bytes each. Default 0. */
  readonly fillerFunctions?: number;
}

/**
 * A core module written byte by byte, so that benches need no toolchain: exports `add: (i32, i32) -> i32`,
 * `run: () -> i32`, which answers 0 as Extism wants it, and `health_check: () -> i32`, which answers 1.
 */
export function guestModule({ offset = 0, fillerFunctions = 0 }: GuestShape = {}): Uint8Array {
  const add = [0x20, 0, 0x20, 1, 0x6a, 0x41, ...signed(offset), 0x6a];
  const bodies = [
    body(add),
    body([0x41, 0]),
    body([0x41, 1]),
    ...Array.from({ length: fillerFunctions }, (_, i) => body(filler(i + offset))),
  ];
  const functionTypes = [0, 1, 1, ...Array.from({ length: fillerFunctions }, () => 0)];
  return Uint8Array.from([
    ...magicAndVersion,
    ...section(
      1,
      vector([
        [0x60, 2, 0x7f, 0x7f, 1, 0x7f],
        [0x60, 0, 1, 0x7f],
      ]),
    ),
    ...section(3, vector(functionTypes.map((type) => [type]))),
    ...section(
      7,
      vector([
        [...name('add'), 0, 0],
        [...name('run'), 0, 1],
        [...name('health_check'), 0, 2],
      ]),
    ),
    ...section(10, vector(bodies)),
  ]);
}

const magicAndVersion = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

function filler(seed: number): number[] {
  const code = [0x20, 0];
  for (let i = 0; i < 12; i++) code.push(0x20, 1, 0x41, ...signed(seed * 7_919 + i), i % 3 === 0 ? 0x6c : 0x73, 0x6a);
  return code;
}

const body = (code: readonly number[]): number[] => withLength([0, ...code, 0x0b]);
const name = (text: string): number[] => withLength([...Buffer.from(text)]);
const withLength = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, bytes: readonly number[]): number[] => [id, ...withLength(bytes)];

function unsigned(value: number): number[] {
  const bytes = [];
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return [...bytes, left];
    bytes.push((left & 0x7f) | 0x80);
  }
}

function signed(value: number): number[] {
  const bytes = [];
  for (let left = value | 0; ; left >>= 7) {
    const byte = left & 0x7f;
    if ((left >> 7 === 0 && byte < 0x40) || (left >> 7 === -1 && byte >= 0x40)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}
