import type { LoadedModule, WitValue } from '@hotswap/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

/**
 * Every numeric instruction of the core specification, called through the binding and, as an independent second opinion,
 * in V8. Floating-point operands and results travel as their bits, so that JavaScript's numbers cannot hide anything;
 * a NaN that an instruction computes may have any payload, and counts as the same.
 */
type NumberType = 'i32' | 'i64' | 'f32' | 'f64';

const code = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c } as const;
/** Bits of a float to the float, and back. */
const fromBits = { i32: [], i64: [], f32: [0xbe], f64: [0xbf] } as const;
const toBits = { i32: [], i64: [], f32: [0xbc], f64: [0xbd] } as const;
const carrier = { i32: 'i32', i64: 'i64', f32: 'i32', f64: 'i64' } as const;

interface Instruction {
  readonly name: string;
  readonly opcode: readonly number[];
  readonly params: readonly NumberType[];
  readonly result: NumberType;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const group = (
  name: string,
  opcodes: readonly (readonly number[])[],
  params: readonly NumberType[],
  result: NumberType,
): Instruction[] =>
  opcodes.map((opcode) => ({
    name: `${name} 0x${opcode.map((byte) => byte.toString(16)).join(' ')}`,
    opcode,
    params,
    result,
  }));
const one = (opcodes: readonly number[]): number[][] => opcodes.map((opcode) => [opcode]);

const instructions: readonly Instruction[] = [
  ...group('i32 test', [[0x45]], ['i32'], 'i32'),
  ...group('i32 compare', one(range(0x46, 0x4f)), ['i32', 'i32'], 'i32'),
  ...group('i64 test', [[0x50]], ['i64'], 'i32'),
  ...group('i64 compare', one(range(0x51, 0x5a)), ['i64', 'i64'], 'i32'),
  ...group('f32 compare', one(range(0x5b, 0x60)), ['f32', 'f32'], 'i32'),
  ...group('f64 compare', one(range(0x61, 0x66)), ['f64', 'f64'], 'i32'),
  ...group('i32 unary', one(range(0x67, 0x69)), ['i32'], 'i32'),
  ...group('i32 binary', one(range(0x6a, 0x78)), ['i32', 'i32'], 'i32'),
  ...group('i64 unary', one(range(0x79, 0x7b)), ['i64'], 'i64'),
  ...group('i64 binary', one(range(0x7c, 0x8a)), ['i64', 'i64'], 'i64'),
  ...group('f32 unary', one(range(0x8b, 0x91)), ['f32'], 'f32'),
  ...group('f32 binary', one(range(0x92, 0x98)), ['f32', 'f32'], 'f32'),
  ...group('f64 unary', one(range(0x99, 0x9f)), ['f64'], 'f64'),
  ...group('f64 binary', one(range(0xa0, 0xa6)), ['f64', 'f64'], 'f64'),
  ...group('i32.wrap', [[0xa7]], ['i64'], 'i32'),
  ...group('i32.trunc', one([0xa8, 0xa9]), ['f32'], 'i32'),
  ...group('i32.trunc', one([0xaa, 0xab]), ['f64'], 'i32'),
  ...group('i64.extend', one([0xac, 0xad]), ['i32'], 'i64'),
  ...group('i64.trunc', one([0xae, 0xaf]), ['f32'], 'i64'),
  ...group('i64.trunc', one([0xb0, 0xb1]), ['f64'], 'i64'),
  ...group('f32.convert', one([0xb2, 0xb3]), ['i32'], 'f32'),
  ...group('f32.convert', one([0xb4, 0xb5]), ['i64'], 'f32'),
  ...group('f32.demote', [[0xb6]], ['f64'], 'f32'),
  ...group('f64.convert', one([0xb7, 0xb8]), ['i32'], 'f64'),
  ...group('f64.convert', one([0xb9, 0xba]), ['i64'], 'f64'),
  ...group('f64.promote', [[0xbb]], ['f32'], 'f64'),
  ...group('i32.extend', one([0xc0, 0xc1]), ['i32'], 'i32'),
  ...group('i64.extend', one([0xc2, 0xc3, 0xc4]), ['i64'], 'i64'),
  ...group(
    'i32.trunc_sat',
    [
      [0xfc, 0],
      [0xfc, 1],
    ],
    ['f32'],
    'i32',
  ),
  ...group(
    'i32.trunc_sat',
    [
      [0xfc, 2],
      [0xfc, 3],
    ],
    ['f64'],
    'i32',
  ),
  ...group(
    'i64.trunc_sat',
    [
      [0xfc, 4],
      [0xfc, 5],
    ],
    ['f32'],
    'i64',
  ),
  ...group(
    'i64.trunc_sat',
    [
      [0xfc, 6],
      [0xfc, 7],
    ],
    ['f64'],
    'i64',
  ),
];

const i32s = [0, 1, 2, -1, 31, 32, 0x7f, 0x80, 0xffff, 0x7fff_ffff, -0x8000_0000, 0x1234_5678];
const i64s = [0n, 1n, -1n, 63n, 64n, 0xffn, 0x8000_0000n, 2n ** 63n - 1n, -(2n ** 63n), 0x0123_4567_89ab_cdefn];
const floats = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 32,
  2 ** 63,
  2 ** 64,
  1e-45,
  3.4e38,
  1e308,
  5e-324,
  4_294_967_295.9,
];
const scratch = new DataView(new ArrayBuffer(8));
const f32Bits = (value: number): number => (scratch.setFloat32(0, value), scratch.getInt32(0));
const f64Bits = (value: number): bigint => (scratch.setFloat64(0, value), scratch.getBigInt64(0));
const operands: Readonly<Record<NumberType, readonly (number | bigint)[]>> = {
  i32: i32s,
  i64: i64s,
  // The last two are a signalling NaN and a quiet one with a payload.
  f32: [...floats.map(f32Bits), 0x7fa0_0000, 0x7fc1_2345],
  f64: [...floats.map(f64Bits), 0x7ff4_0000_0000_0000n, 0x7ff8_0000_dead_beefn],
};

const leb = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
const section = (id: number, items: readonly (readonly number[])[]): number[] => {
  const bytes = [...leb(items.length), ...items.flat()];
  return [id, ...leb(bytes.length), ...bytes];
};

/** Not in the types of a program without DOM. */
const { WebAssembly: inV8 } = globalThis as unknown as {
  WebAssembly: {
    instantiate(bytes: Uint8Array): Promise<{ instance: { exports: Readonly<Record<string, unknown>> } }>;
  };
};

/** One exported function `f<n>` for each instruction. */
function moduleOf(list: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const types = list.map(({ params, result }) => [
    ...[0x60, params.length, ...params.map((type) => code[carrier[type]])],
    ...[1, code[carrier[result]]],
  ]);
  const exports = list.map((_, at) => {
    const name = [...Buffer.from(`f${at}`)];
    return [name.length, ...name, 0, ...leb(at)];
  });
  const bodies = list.map(({ params, opcode, result }) => {
    const body = [
      0,
      ...params.flatMap((type, at) => [0x20, at, ...fromBits[type]]),
      ...opcode,
      ...toBits[result],
      0x0b,
    ];
    return [...leb(body.length), ...body];
  });
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      3,
      list.map((_, at) => leb(at)),
    ),
    ...section(7, exports),
    ...section(10, bodies),
  ]);
}

const argumentsOf = ({ params: [first, second] }: Instruction): (number | bigint)[][] => {
  const left = operands[first as NumberType];
  return second === undefined ? left.map((a) => [a]) : left.flatMap((a) => operands[second].map((b) => [a, b]));
};

function sameNumber(type: NumberType, bits: unknown): unknown {
  if (type === 'f32') return (scratch.setInt32(0, bits as number), Number.isNaN(scratch.getFloat32(0)) ? 'NaN' : bits);
  if (type === 'f64')
    return (scratch.setBigInt64(0, bits as bigint), Number.isNaN(scratch.getFloat64(0)) ? 'NaN' : bits);
  return bits;
}

const attempt = (call: () => unknown): unknown => {
  try {
    return call();
  } catch {
    return 'trap';
  }
};

describe('core instructions', () => {
  const bytes = moduleOf(instructions);
  let test: TestHost;
  let module: LoadedModule;
  let exports: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    test = await testHost();
    module = await test.host.load({ bytes });
    exports = (await inV8.instantiate(bytes)).instance.exports;
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  it.each(instructions.map(({ name }, at) => [name, at] as const))('%s answers as in V8', (_, at) => {
    const instruction = instructions[at] as Instruction;
    const theirFunction = exports[`f${at}`] as (...args: unknown[]) => unknown;
    for (const args of argumentsOf(instruction)) {
      const ours = attempt(() => sameNumber(instruction.result, module.invokeSync?.(`f${at}`, args)));
      const theirs = attempt(() => sameNumber(instruction.result, theirFunction(...args)));
      expect([args, ours]).toEqual([args, theirs]);
    }
  });

  it('answers on threads as on this one', async () => {
    for (const [at, instruction] of instructions.entries()) {
      const args = argumentsOf(instruction).at(-1) as WitValue[];
      const here = attempt(() => module.invokeSync?.(`f${at}`, args));
      const there = await module.invoke(`f${at}`, args).then(
        ({ value }) => value,
        () => 'trap',
      );
      expect([instruction.name, there]).toEqual([instruction.name, here]);
    }
  });

  it('says why an instruction trapped', async () => {
    const divide = instructions.findIndex(({ opcode }) => opcode[0] === 0x6d);
    expect((await failureOf(module.invoke(`f${divide}`, [1, 0]))).details['trap']).toBe('integer-division-by-zero');
    expect((await failureOf(module.invoke(`f${divide}`, [-(2 ** 31), -1]))).details['trap']).toBe('integer-overflow');
    const truncate = instructions.findIndex(({ opcode }) => opcode[0] === 0xaa);
    expect((await failureOf(module.invoke(`f${truncate}`, [f64Bits(NaN)]))).details['trap']).toBe(
      'bad-conversion-to-integer',
    );
  });
});
