import type { LoadedModule, ResourceHandle, WitValue } from '@hotswap/core';
import { buildExampleModules } from '@hotswap/example-modules';
import fc, { type Arbitrary } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

const point = fc.record({ x: fc.double(), y: fc.double() });
const text = fc.string({ unit: 'binary' });
const optional = <T>(arbitrary: Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const tagged = <T>(tag: string, val: Arbitrary<T>) => val.map((value) => ({ tag, val: value }));
const typed = (list: Arbitrary<number[]>, make: (items: number[]) => ArrayBufferView) => list.map(make);
const flags = (...names: string[]) => fc.record(Object.fromEntries(names.map((name) => [name, fc.boolean()])));
const shape = fc.oneof(
  fc.constant({ tag: 'nothing' }),
  tagged('circle', fc.double()),
  tagged('rectangle', fc.tuple(fc.double(), fc.double())),
  tagged('polygon', fc.array(point)),
  tagged('label', text),
);
const color = fc.constantFrom('red', 'green', 'deep-blue');
const permissions = flags('read', 'write', 'executeAll');

/** Values as the host gives them back, by the function that echoes them. */
const values: Readonly<Record<string, Arbitrary<unknown>>> = {
  'echo-bool': fc.boolean(),
  'echo-u8': fc.integer({ min: 0, max: 255 }),
  'echo-u16': fc.integer({ min: 0, max: 65_535 }),
  'echo-u32': fc.integer({ min: 0, max: 4_294_967_295 }),
  'echo-u64': fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  'echo-s8': fc.integer({ min: -128, max: 127 }),
  'echo-s16': fc.integer({ min: -32_768, max: 32_767 }),
  'echo-s32': fc.integer(),
  'echo-s64': fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  'echo-f32': fc.float(),
  'echo-f64': fc.double(),
  'echo-char': fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  'echo-string': text,
  'echo-list-u8': fc.uint8Array(),
  'echo-list-u32': typed(fc.array(fc.nat()), (items) => Uint32Array.from(items)),
  'echo-list-u64': fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map((items) => BigUint64Array.from(items)),
  'echo-list-f32': typed(fc.array(fc.float()), (items) => Float32Array.from(items)),
  'echo-list-f64': typed(fc.array(fc.double()), (items) => Float64Array.from(items)),
  'echo-list-bool': fc.array(fc.boolean()),
  'echo-list-string': fc.array(text),
  'echo-list-record': fc.array(point),
  'echo-record': fc.record({
    fullName: text,
    age: fc.integer({ min: 0, max: 255 }),
    nickNames: fc.array(text),
    home: optional(point),
  }),
  'echo-tuple': fc.tuple(fc.integer({ min: 0, max: 255 }), text, fc.double()),
  'echo-variant': shape,
  'echo-enum': color,
  'echo-flags': permissions,
  'echo-many-flags': flags(...Array.from({ length: 32 }, (_, bit) => `b${bit}`)),
  'echo-option': optional(text),
  'echo-option-option': fc.oneof(
    fc.constant({ tag: 'none' }),
    tagged('some', optional(fc.nat())).map(({ tag, val }) => (val === undefined ? { tag } : { tag, val })),
  ),
  'echo-nested': fc.record({
    id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    shapes: fc.array(shape),
    grid: fc.array(typed(fc.array(fc.integer()), (items) => Int32Array.from(items))),
    choice: fc.oneof(tagged('ok', color), tagged('err', fc.array(text))),
    pairs: fc.array(fc.tuple(text, permissions)),
  }),
  'echo-results': fc.array(fc.oneof(tagged('ok', fc.nat()), tagged('err', text))),
};

/** -0 and 0, and NaNs, are what they are; `{tag}` and `{tag, val: undefined}` are the same. */
function assertSame(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
  if (typeof expected === 'number') expect(Object.is(actual, expected)).toBe(true);
  if (ArrayBuffer.isView(expected)) expect((actual as ArrayBufferView).constructor).toBe(expected.constructor);
}

type Call = (module: LoadedModule, name: string, args: WitValue[]) => Promise<WitValue>;

/** Compound values cross in one message; a call on this thread with a time limit of its own passes them one by one. */
const transports: readonly { readonly transport: string; readonly by: Call }[] = [
  { transport: 'in a message', by: async (module, name, args) => (await module.invoke(name, args)).value },
  { transport: 'in a message on this thread', by: async (module, name, args) => module.invokeSync?.(name, args) },
  {
    transport: 'value by value',
    by: async (module, name, args) => module.invokeSync?.(name, args, { timeoutMs: 1_000 }),
  },
];

describe.each(transports)('WIT values $transport', ({ by }) => {
  let test: TestHost;
  let module: LoadedModule;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
    module = await test.example('typed-rust');
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  const call = (name: string, ...args: unknown[]): Promise<WitValue> => by(module, name, args as WitValue[]);

  it('has a case for each function that echoes', () => {
    const echoes = module.description.functions
      .map(({ name }) => name.split('#')[1] ?? '')
      .filter((name) => name.startsWith('echo-') && name !== 'echo-result');
    expect(Object.keys(values).sort()).toEqual(echoes.sort());
  });

  it.each(Object.keys(values))('%s gives back what it got', async (name) => {
    await fc.assert(
      fc.asyncProperty(values[name] as Arbitrary<unknown>, async (value) => {
        assertSame(await call(name, value), value);
      }),
      { numRuns: 100 },
    );
  });

  it('gives the ok value of a result at the top, and throws the err value', async () => {
    expect(await call('echo-result', { tag: 'ok', val: 'fine' })).toBe('fine');
    const failure = await failureOf(call('echo-result', { tag: 'err', val: 7 }));
    expect(failure).toMatchObject({ code: 'HS_RUNTIME_GUEST_ERROR', details: { payload: 7 }, cause: 7 });
    expect(await call('divide', 7, -2)).toEqual([-3, 1]);
    expect(await failureOf(call('divide', 7, 0))).toMatchObject({
      code: 'HS_RUNTIME_GUEST_ERROR',
      details: { payload: 'divide-by-zero' },
    });
    expect(await call('check', true)).toBeUndefined();
    expect(await failureOf(call('check', false))).toMatchObject({ code: 'HS_RUNTIME_GUEST_ERROR' });
  });

  it('keeps lists of floats bit by bit, the payloads of NaNs too', async () => {
    const bits = BigUint64Array.of(0x7ff8_0000_dead_beefn, 0x7ff4_0000_0000_0001n, 0x8000_0000_0000_0000n);
    const echoed = (await call('echo-list-f64', new Float64Array(bits.buffer))) as Float64Array<ArrayBuffer>;
    expect(new BigUint64Array(echoed.buffer, echoed.byteOffset, echoed.length)).toEqual(bits);
  });

  it('passes many parameters and none', async () => {
    expect(await call('nothing')).toBeUndefined();
    expect(await call('many-parameters', 1, -2, 0.5, 'x', new Uint8Array([1, 2]), undefined, 'deep-blue')).toBe(
      '1|-2|0.5|x|1.2|none|deep-blue',
    );
  });

  it('takes plain arrays, safe integers and kebab-case names as well', async () => {
    expect(await call('echo-u64', 5)).toBe(5n);
    expect(await call('echo-list-u8', [1, 2])).toEqual(new Uint8Array([1, 2]));
    expect(await call('echo-record', { 'full-name': 'A', age: 1, 'nick-names': [], home: undefined })).toEqual({
      fullName: 'A',
      age: 1,
      nickNames: [],
      home: undefined,
    });
    expect(await call('echo-flags', { 'execute-all': true })).toEqual({ read: false, write: false, executeAll: true });
  });

  it.each<[string, unknown, string]>([
    ['echo-u8', 256, 'args[0]'],
    ['echo-s8', -129, 'args[0]'],
    ['echo-u32', -1, 'args[0]'],
    ['echo-u32', 1.5, 'args[0]'],
    ['echo-u64', -1n, 'args[0]'],
    ['echo-u64', 2n ** 64n, 'args[0]'],
    ['echo-s64', 2n ** 63n, 'args[0]'],
    ['echo-bool', 1, 'args[0]'],
    ['echo-char', 'ab', 'args[0]'],
    ['echo-char', '\ud800', 'args[0]'],
    ['echo-char', '', 'args[0]'],
    ['echo-string', 5, 'args[0]'],
    [
      'echo-list-record',
      [
        { x: 1, y: 2 },
        { x: 1, y: 'two' },
      ],
      'args[0][1].y',
    ],
    ['echo-record', { fullName: 'A', age: 300, nickNames: [], home: undefined }, 'args[0].age'],
    ['echo-record', null, 'args[0]'],
    ['echo-enum', 'blue', 'args[0]'],
    ['echo-variant', { tag: 'square' }, 'args[0]'],
    ['echo-variant', { tag: 'circle' }, 'args[0]'],
    ['echo-tuple', [1, 'x'], 'args[0]'],
    [
      'echo-nested',
      { id: 1n, shapes: [{ tag: 'polygon', val: [{ x: 1, y: 1 }, {}] }], grid: [], choice: { tag: 'ok' }, pairs: [] },
      'args[0].shapes[0]',
    ],
  ])('refuses %s(%s) naming the place', async (name, value, path) => {
    const failure = await failureOf(call(name, value));
    expect(failure.code).toBe('HS_RUNTIME_INVALID_ARGUMENT');
    expect(failure.details['path']).toContain(path);
  });

  it('survives arguments whose getters and proxies run code or throw', async () => {
    const closing = {
      get x() {
        throw new RangeError('getter');
      },
      y: 1,
    };
    await expect(call('echo-list-record', [closing])).rejects.toThrow();
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    await expect(call('echo-list-bool', revoked.proxy)).rejects.toThrow();
    const nested: Promise<unknown>[] = [];
    const nesting = {
      get x() {
        nested.push(module.invoke('nothing', []));
        return 1;
      },
      y: 2,
    };
    expect(await call('echo-list-record', [nesting])).toEqual([{ x: 1, y: 2 }]);
    await Promise.all(nested);
    expect(await call('echo-list-record', [{ x: 1, y: 2, extra: Symbol('ignored') }])).toEqual([{ x: 1, y: 2 }]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('WIT resources', () => {
  let test: TestHost;
  let module: LoadedModule;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
    module = await test.example('typed-rust');
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  it('live in an open instance: constructed, called, lent and given away', async () => {
    await using instance = await module.open();
    const invoke = async (name: string, ...args: WitValue[]): Promise<WitValue> =>
      (await instance.invoke(name, args)).value;
    const counter = (await invoke('[constructor]counter', 5)) as ResourceHandle;
    expect(counter.resourceType).toBe('counter');
    expect(await invoke('[method]counter.increment', counter, 3)).toBe(8);
    expect(await invoke('read-counter', counter)).toBe(8);
    expect(await invoke('[method]counter.value', counter)).toBe(8);
    expect(await invoke('consume-counter', counter)).toBe(8);
    expect((await failureOf(invoke('read-counter', counter))).code).toBe('HS_RUNTIME_STALE_HANDLE');
  });

  it('come out of results, and are gone once disposed of', async () => {
    await using instance = await module.open();
    const parsed = (await instance.invoke('[static]counter.parse', ['41'])).value as ResourceHandle;
    expect((await instance.invoke('read-counter', [parsed])).value).toBe(41);
    parsed[Symbol.dispose]();
    parsed[Symbol.dispose]();
    expect((await failureOf(instance.invoke('read-counter', [parsed]))).code).toBe('HS_RUNTIME_STALE_HANDLE');
    expect(await failureOf(instance.invoke('[static]counter.parse', ['x']))).toMatchObject({
      code: 'HS_RUNTIME_GUEST_ERROR',
      details: { payload: 'not a count: x' },
    });
  });

  it('mean nothing to another instance, nor as forged values', async () => {
    await using first = await module.open();
    await using second = await module.open();
    const counter = (await first.invoke('[constructor]counter', [1])).value;
    for (const foreign of [
      counter,
      { $resource: [999, 0, 0] },
      { $resource: ['x'] },
      {},
      0,
      null,
    ] as unknown as WitValue[]) {
      expect((await failureOf(second.invoke('read-counter', [foreign]))).code).toMatch(
        /^HS_RUNTIME_(STALE_HANDLE|INVALID_ARGUMENT)$/,
      );
    }
  });

  it('need an open instance', async () => {
    expect((await failureOf(module.invoke('[constructor]counter', [1]))).code).toBe('HS_RUNTIME_UNSUPPORTED');
  });
});
