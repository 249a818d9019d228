import { readFile } from 'node:fs/promises';
import type { HostImports, LoadedModule, WitValue } from '@hotswap/core';
import fc, { type Arbitrary } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

const pluginFile = new URL('../../../examples/modules/rust/plugin-rust-1.0.0.wasm', import.meta.url);
const never = (): WitValue => undefined;

/** Nothing of these tests calls the host. */
const imports: HostImports = {
  'hotswap:plugin/host-api': Object.fromEntries(
    ['log', 'lookUp', 'revise', 'sum', 'reverse', 'next', 'turn', 'countUp', 'merge']
      .concat(['[constructor]bucket', '[method]bucket.put', '[method]bucket.get', '[method]bucket.size'])
      .map((name) => [name, never]),
  ),
  $root: { hostName: never },
};

const text = fc.string({ unit: 'binary' });
const flags = fc.record(Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`flag${at}`, fc.boolean()])));
const enumerated = fc.integer({ min: 0, max: 299 }).map((at) => `c${at}`);
const tagged = <T>(tag: string, val: Arbitrary<T>) => val.map((value) => ({ tag, val: value }));
const bigs = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const character = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 });
const integers = (bits: number) => fc.array(fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }));

const values: Readonly<Record<string, Arbitrary<unknown>>> = {
  'echo-flags': flags,
  'echo-flags-list': fc.array(flags, { maxLength: 4 }),
  'echo-enum': enumerated,
  'echo-enums': fc.array(enumerated),
  'echo-inherited': fc.record({
    constructor: fc.integer({ min: 0, max: 255 }),
    toString: text,
    hasOwnProperty: fc.boolean(),
    valueOf: fc.option(fc.integer({ min: -128, max: 127 }), { nil: undefined }),
  }),
  'echo-deep': fc.array(
    fc.option(
      fc.oneof(
        tagged('ok', fc.tuple(fc.integer({ min: 0, max: 255 }), fc.array(fc.array(text)))),
        tagged(
          'err',
          fc.oneof(
            fc.constant({ tag: 'none' }),
            fc.constant({ tag: 'some' }),
            character.map((val) => ({ tag: 'some', val })),
          ),
        ),
      ),
      { nil: undefined },
    ),
  ),
  'echo-s8s': integers(8).map((items) => Int8Array.from(items)),
  'echo-u16s': fc.uint16Array(),
  'echo-s16s': integers(16).map((items) => Int16Array.from(items)),
  'echo-s64s': bigs.map((items) => BigInt64Array.from(items)),
  'echo-chars': fc.array(character),
  'echo-units': fc.tuple(
    fc.boolean(),
    fc.integer({ min: -128, max: 127 }),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: -32_768, max: 32_767 }),
    fc.integer({ min: 0, max: 65_535 }),
    character,
    fc.float(),
  ),
};

describe('WIT values at the edges of the canonical ABI', () => {
  let test: TestHost;
  let module: LoadedModule;
  beforeAll(async () => {
    test = await testHost({ syncTimeoutMs: 1_000 });
    const limits = { maxInputSize: 33_554_432, maxMemoryMB: 256 };
    module = await test.host.load(
      { bytes: await readFile(pluginFile) },
      { imports, limits, maxOutputSize: 33_554_432 },
    );
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  const call = async (name: string, ...args: unknown[]): Promise<WitValue> =>
    (await module.invoke(name, args as WitValue[])).value;
  const callSync = (name: string, ...args: unknown[]): WitValue => module.invokeSync?.(name, args as WitValue[]);

  it.each(Object.keys(values))('%s gives back what it got, on threads and on this one', async (name) => {
    await fc.assert(
      fc.asyncProperty(values[name] as Arbitrary<unknown>, async (value) => {
        expect(await call(name, value)).toEqual(value);
        expect(callSync(name, value)).toEqual(value);
      }),
      { numRuns: 50 },
    );
  });

  it('passes more parameters than travel flat', async () => {
    const args = [1, 'x', 2n ** 63n, 0.5, -2, Uint8Array.of(1, 2), 'é', 7, { tag: 'err', val: 'no' }, [0.25], true];
    const answer = '1|x|9223372036854775808|0.5|-2|[1, 2]|é|Some(7)|Err("no")|[0.25]|true';
    expect(await call('wide', ...args)).toBe(answer);
    expect(callSync('wide', ...args)).toBe(answer);
  });

  it('passes NaNs as JavaScript has them: without a payload where they stand alone', async () => {
    expect(await call('from-bits', 0x7ff8_0000_dead_beefn)).toBeNaN();
    expect(await call('bits', NaN)).toBe(0x7ff8_0000_0000_0000n);
  });

  it('replaces lone surrogates in strings and refuses them as characters', async () => {
    const inherited = { constructor: 1, toString: 'a\ud800b', hasOwnProperty: true, valueOf: undefined };
    expect(await call('echo-inherited', inherited)).toMatchObject({ toString: 'a\ufffdb' });
    expect((await failureOf(call('echo-chars', ['\udfff']))).code).toBe('HS_RUNTIME_INVALID_ARGUMENT');
  });

  it('reads own properties only', async () => {
    const failure = await failureOf(call('echo-inherited', {}));
    expect(failure).toMatchObject({ code: 'HS_RUNTIME_INVALID_ARGUMENT', details: { path: 'args[0].constructor' } });
    const polluted = JSON.parse('{"__proto__":{"constructor":1},"toString":"x","hasOwnProperty":true}') as unknown;
    expect((await failureOf(call('echo-inherited', polluted))).code).toBe('HS_RUNTIME_INVALID_ARGUMENT');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('takes lists of sixteen million bytes, and views into larger buffers', async () => {
    const large = new BigInt64Array(2_097_152).map((_, at) => BigInt(at) * 0x1_0000_0001n);
    expect(await call('echo-s64s', large)).toEqual(large);
    expect(callSync('echo-s64s', large)).toEqual(large);
    const view = new Int16Array(Int16Array.from({ length: 40_000 }, (_, at) => at).buffer, 20_000, 20_000);
    expect(callSync('echo-s16s', view)).toEqual(view);
    expect(await call('echo-s16s', view)).toEqual(view);
  });

  it('gives results memory of their own', () => {
    const first = callSync('echo-s8s', new Int8Array(200_000).fill(1)) as Int8Array;
    const second = callSync('echo-s8s', new Int8Array(200_000).fill(2)) as Int8Array;
    first.fill(3);
    expect(second.every((item) => item === 2)).toBe(true);
    expect(callSync('echo-s8s', first)).toEqual(first);
  });

  it('is not fooled by an argument that another one detaches while it is read', async () => {
    const victim = new Int8Array(100_000).fill(7);
    const value = {
      constructor: 1,
      hasOwnProperty: true,
      get toString() {
        structuredClone(victim.buffer, { transfer: [victim.buffer] });
        return 'x';
      },
    };
    expect(await call('echo-inherited', value)).toMatchObject({ toString: 'x' });
    expect(callSync('echo-s8s', victim)).toEqual(new Int8Array());
  });
});
