import { readFile } from 'node:fs/promises';
import { buildExampleModules, exampleModule, exampleModules } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimeErrorCodes } from '../src/error-codes.ts';
import { loadNativeBinding } from '../src/load-native-binding.ts';
import { codeOfNative } from '../src/map-native-error.ts';
import { type TestHost, failureOf, testHost } from './test-host.ts';

describe('Wasmtime host', () => {
  let test: TestHost;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  it('has a code for every code of the addon, and none that the addon does not have', () => {
    expect(
      loadNativeBinding()
        .errorCodes()
        .map(({ code }) => code)
        .sort(),
    ).toEqual(Object.keys(codeOfNative).sort());
    for (const code of Object.values(codeOfNative)) expect(runtimeErrorCodes).toHaveProperty(code);
  });

  it('says what it can do and which engine it is', () => {
    expect(test.host).toMatchObject({ name: 'wasmtime', version: expect.stringMatching(/^48\.\d+\.\d+$/) as string });
    expect(test.host.capabilities).toMatchObject({
      components: true,
      wasi: ['preview1', 'preview2'],
      synchronous: true,
      aotCache: true,
      statefulInstances: true,
    });
  });

  it.each(exampleModules.flatMap(({ id, samples }) => samples.map((sample) => [id, sample] as const)))(
    'answers the known call of %s',
    async (id, { function: fn, args, result, trap }) => {
      await using module = await test.example(id);
      const call = module.invoke(fn, args as []);
      if (trap === undefined) expect((await call).value).toEqual(result);
      else expect(await failureOf(call)).toMatchObject({ code: 'HS_RUNTIME_TRAP', details: { trap } });
    },
  );

  it('describes a core module without running it', async () => {
    const description = await test.host.inspect(await readFile(exampleModule('adder').path));
    expect(description).toMatchObject({ kind: 'core', wasiLevel: 'none', isCommand: false });
    expect(description.functions.find(({ name }) => name === 'add')).toMatchObject({
      params: [{ type: 'i32' }, { type: 'i32' }],
      result: 'i32',
    });
  });

  it('describes a component with its WIT', async () => {
    const description = await test.host.inspect(await readFile(exampleModule('greeter').path));
    expect(description).toMatchObject({ kind: 'component', isCommand: false });
    expect(description.wit).toContain('greet: func(name: string) -> string');
    expect(description.functions.find(({ name }) => name === 'greet')).toEqual({
      name: 'greet',
      params: [{ name: 'name', type: 'string' }],
      result: 'string',
    });
  });

  it.each([
    ['wasi-command', 'preview1'],
    ['wasi-command-component', 'preview2'],
  ])('tells the WASI level of %s', async (name, wasiLevel) => {
    expect(await test.host.inspect(await readFile(exampleModule(name).path))).toMatchObject({
      wasiLevel,
      isCommand: true,
    });
  });

  it('refuses bytes that are no module, truncated ones too', async () => {
    const whole = await readFile(exampleModule('adder').path);
    for (const bytes of [
      new Uint8Array(),
      new Uint8Array([0, 0x61, 0x73]),
      whole.subarray(0, whole.length - 3),
      Buffer.from('(module)'),
      Buffer.alloc(1_000, 0xff),
    ]) {
      expect((await failureOf(test.host.inspect(bytes))).code).toBe('HS_RUNTIME_INVALID_MODULE');
      expect((await failureOf(test.host.load({ bytes }))).code).toBe('HS_RUNTIME_INVALID_MODULE');
    }
  });

  it('refuses a module larger than the limit before it looks at it', async () => {
    await using small = await testHost({ maxModuleBytes: 100 });
    expect(await failureOf(small.host.load({ bytes: new Uint8Array(101) }))).toMatchObject({
      code: 'HS_RUNTIME_MODULE_TOO_LARGE',
      httpStatus: 413,
    });
  });

  it('refuses bytes that are not those of the digest', async () => {
    const bytes = await readFile(exampleModule('adder').path);
    expect((await failureOf(test.host.load({ bytes, digest: '0'.repeat(64) }))).code).toBe(
      'HS_RUNTIME_DIGEST_MISMATCH',
    );
    expect((await failureOf(test.host.load({ path: exampleModule('adder').path, digest: '0'.repeat(64) }))).code).toBe(
      'HS_RUNTIME_DIGEST_MISMATCH',
    );
  });

  it('loads from a path and keeps the digest', async () => {
    await using first = await test.example('adder');
    await using second = await test.host.load({ path: exampleModule('adder').path, digest: first.digest });
    expect((await second.invoke('add', [1, 2])).value).toBe(3);
  });

  it('gives each call an instance of its own', async () => {
    await using counter = await test.example('counter');
    for (let i = 0; i < 3; i++) expect((await counter.invoke('increment', [5])).value).toBe(5);
    expect(counter.invokeSync?.('increment', [7])).toBe(7);
  });

  it('keeps the state of an open instance, one call at a time, and ends it with a trap', async () => {
    await using counter = await test.example('counter');
    await using instance = await counter.open();
    const values = await Promise.all(Array.from({ length: 100 }, () => instance.invoke('increment', [1])));
    expect(values.map(({ value }) => value)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(instance.invokeSync?.('value', [])).toBe(100);
    await instance[Symbol.asyncDispose]();
    expect((await failureOf(instance.invoke('value', []))).code).toBe('HS_RUNTIME_STALE_HANDLE');
  });

  it('calls on this thread as it calls on its own, whatever the number of arguments', async () => {
    const count = 12;
    const parameters = Array.from({ length: count }, () => 0x7f);
    const sum = Array.from({ length: count }, (_, at) => (at === 0 ? [0x20, 0] : [0x20, at, 0x6a])).flat();
    const bytes = Uint8Array.from([
      0,
      0x61,
      0x73,
      0x6d,
      1,
      0,
      0,
      0,
      1,
      parameters.length + 5,
      1,
      0x60,
      parameters.length,
      ...parameters,
      1,
      0x7f,
      3,
      2,
      1,
      0,
      7,
      7,
      1,
      3,
      0x73,
      0x75,
      0x6d,
      0,
      0,
      10,
      sum.length + 4,
      1,
      sum.length + 2,
      0,
      ...sum,
      0x0b,
    ]);
    await using module = await test.host.load({ bytes });
    const args = Array.from({ length: count }, (_, at) => at);
    expect(module.invokeSync?.('sum', args)).toBe(66);
    expect(module.invokeSync?.('sum', args, { timeoutMs: 50 })).toBe(66);
    expect((await module.invoke('sum', args)).value).toBe(66);
    await module[Symbol.asyncDispose]();
    expect(() => module.invokeSync?.('sum', args)).toThrow(expect.objectContaining({ code: 'HS_RUNTIME_CLOSED' }));
  });

  it('runs _initialize of a reactor once per instance', async () => {
    await using reactor = await test.example('wasi-reactor');
    await using instance = await reactor.open();
    for (let i = 0; i < 3; i++) expect((await instance.invoke('initialized', [])).value).toBe(1);
    expect((await reactor.invoke('now_ns', [])).value).toBeTypeOf('bigint');
  });

  it.each([
    ['add', ['1', 2], 'args[0]'],
    ['add', [1, 2.5], 'args[1]'],
    ['add', [1, 2 ** 40], 'args[1]'],
    ['add', [1], 'args'],
    ['add', [1, 2, 3], 'args'],
    ['add', [1, null], 'args[1]'],
  ])('refuses %s(%j) naming %s', async (fn, args, path) => {
    await using adder = await test.example('adder');
    const failure = await failureOf(adder.invoke(fn, args as []));
    expect(failure.code).toBe('HS_RUNTIME_INVALID_ARGUMENT');
    expect(failure.details['path']).toContain(path);
    expect(() => adder.invokeSync?.(fn, args as [])).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_INVALID_ARGUMENT' }),
    );
  });

  it('counts calls and errors', async () => {
    await using adder = await test.example('adder');
    await adder.invoke('add', [1, 2]);
    await failureOf(adder.invoke('nothing-of-that-name', []));
    expect(adder.stats()).toMatchObject({ calls: 1, errors: 0, crashes: 0, inFlight: 0 });
  });

  it('refuses a disposed module, and a disposed host', async () => {
    const other = await testHost();
    const adder = await other.example('adder');
    const second = await other.example('adder');
    await adder[Symbol.asyncDispose]();
    expect((await failureOf(adder.invoke('add', [1, 2]))).code).toBe('HS_RUNTIME_CLOSED');
    await adder[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    expect((await failureOf(second.invoke('add', [1, 2]))).code).toBe('HS_RUNTIME_CLOSED');
    expect((await failureOf(other.host.inspect(new Uint8Array()))).code).toBe('HS_RUNTIME_CLOSED');
    await other[Symbol.asyncDispose]();
  });

  it('keeps two hosts apart: closing one leaves the calls of the other alone', async () => {
    const other = await testHost();
    await using adder = await test.example('adder');
    const calls = Array.from({ length: 50 }, (_, i) => adder.invoke('add', [i, 1]));
    await other[Symbol.asyncDispose]();
    expect((await Promise.all(calls)).map(({ value }) => value)).toEqual(calls.map((_, i) => i + 1));
  });
});
