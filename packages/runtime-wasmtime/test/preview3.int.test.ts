import { readFile } from 'node:fs/promises';
import type { LoadOptions, LoadedModule } from '@hotswap/core';
import { wasmtime, wasmtimeCapabilities, wasmtimeExperiments } from '@hotswap/runtime-wasmtime';
import { describe, expect, it } from 'vitest';
import { ask } from './http-client.ts';
import { httpFixture, route } from './http-fixture.ts';
import { failureOf, testHost, type TestHost } from './test-host.ts';

const lab = new URL('../../../examples/modules/rust/async-lab-1.0.0.wasm', import.meta.url);
const server = new URL('../../../examples/modules/rust/http-async-1.0.0.wasm', import.meta.url);
const hour = 3_600_000;

type Lab = TestHost & { load(options?: LoadOptions): Promise<LoadedModule> };

async function labHost(options: Parameters<typeof testHost>[0] = {}): Promise<Lab> {
  const made = await testHost({ experimental: ['preview3'], ...options });
  const bytes = await readFile(lab);
  return { ...made, load: async (loadOptions) => await made.host.load({ bytes }, loadOptions) };
}

describe('without the option', () => {
  it('a component that needs WASI 0.3 is described, and refused with the name of the option', async () => {
    await using made = await testHost();
    const bytes = await readFile(lab);
    expect(await made.host.inspect(bytes)).toMatchObject({ kind: 'component', wasiLevel: 'preview3', isCommand: true });
    const error = await failureOf(made.host.load({ bytes }));
    expect(error.code).toBe('HS_RUNTIME_UNSUPPORTED');
    expect(error.message).toContain("experimental: ['preview3']");
    expect(made.host.capabilities).toMatchObject({ wasi: ['preview1', 'preview2'], experimental: [] });
  });

  it('another host in the same process may have it', async () => {
    await using off = await testHost();
    await using on = await labHost();
    await expect((await on.load()).invoke('add', [1, 2])).resolves.toMatchObject({ value: 3 });
    expect((await failureOf(off.host.load({ bytes: await readFile(lab) }))).code).toBe('HS_RUNTIME_UNSUPPORTED');
  });
});

describe('with the option', () => {
  it('the host says so', async () => {
    await using host = await wasmtime({ cacheDirectory: false, experimental: wasmtimeExperiments });
    expect(host.capabilities).toEqual({
      ...wasmtimeCapabilities,
      pooling: host.capabilities.pooling,
      aotCache: false,
      wasi: ['preview1', 'preview2', 'preview3'],
      experimental: ['preview3'],
    });
  });

  it.each(['in-process', 'child'] as const)('asynchronous functions answer, compiled %s', async (compile) => {
    await using made = await labHost({ compile });
    const module = await made.load();
    const people = [{ name: 'Ada', age: 36 }];
    expect((await module.invoke('add', [2, 40])).value).toBe(42);
    expect((await module.invoke('add-now', [2, 40])).value).toBe(42);
    expect((await module.invoke('grow-older', [people, 1])).value).toEqual([{ name: 'Ada', age: 37 }]);
    expect((await module.invoke('health_check', [])).value).toBe('OK');
    const error = await failureOf(module.invoke('divide', [1, 0]));
    expect([error.code, error.cause]).toEqual(['HS_RUNTIME_GUEST_ERROR', '1 cannot be divided by 0']);
  });

  it('many calls wait beside each other, each in an instance of its own', async () => {
    await using made = await labHost();
    const module = await made.load();
    const counts = await Promise.all(Array.from({ length: 50 }, async () => (await module.invoke('count', [])).value));
    expect(counts).toEqual(Array.from({ length: 50 }, () => 1));
  });

  it('an open instance keeps its state between asynchronous calls', async () => {
    await using made = await labHost();
    await using instance = await (await made.load()).open();
    const counts = await Promise.all([1, 2, 3].map(async () => (await instance.invoke('count', [])).value));
    expect(counts).toEqual([1, 2, 3]);
  });

  it('a command has arguments, variables, streams and a status', async () => {
    await using made = await labHost();
    const module = await made.load();
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    const { exitCode, stdout, stderr } = await module.run({
      args: ['one', 'two'],
      env: { STATUS: '7' },
      stdin: new TextEncoder().encode('loud'),
    });
    expect([exitCode, text(stdout), text(stderr)]).toEqual([7, 'LOUD', 'module one two']);
  });

  it('streams at the public boundary are refused, and so are calls on this thread', async () => {
    await using made = await labHost();
    const module = await made.load();
    expect(await failureOf(module.invoke('numbers', [3]))).toMatchObject({
      code: 'HS_RUNTIME_UNSUPPORTED',
      details: { feature: 'stream' },
    });
    expect(() => module.invokeSync?.('add-now', [1, 2])).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_NOT_SYNCHRONOUS' }),
    );
  });
});

describe('limits', () => {
  it('time, memory and traps end a call after it has waited', async () => {
    await using made = await labHost();
    const module = await made.load({ limits: { maxExecutionTime: 'PT0.1S', maxMemoryMB: 8 } });
    const codeOf = async (name: string, args: readonly (string | number)[]): Promise<string> =>
      (await failureOf(module.invoke(name, args))).code;
    expect(await codeOf('wait', [hour])).toBe('HS_RUNTIME_TIMEOUT');
    expect(await codeOf('never', [])).toBe('HS_RUNTIME_TIMEOUT');
    expect(await codeOf('misbehave', ['spin', 1])).toBe('HS_RUNTIME_TIMEOUT');
    expect(await codeOf('misbehave', ['grow', 1])).toBe('HS_RUNTIME_MEMORY_LIMIT');
    expect(await codeOf('misbehave', ['trap', 1])).toBe('HS_RUNTIME_TRAP');
    expect((await module.invoke('count', [])).value).toBe(1);
    expect(module.stats()).toMatchObject({ inFlight: 0, calls: 6 });
  });

  it('fuel is counted', async () => {
    await using made = await labHost();
    const module = await made.load({ runtime: { fuel: 1_000_000 } });
    expect((await module.invoke('add', [1, 2])).fuelUsed).toBeGreaterThan(0);
    expect((await failureOf(module.invoke('misbehave', ['spin', 1]))).code).toBe('HS_RUNTIME_FUEL_EXHAUSTED');
  });

  it('a signal cancels a call that waits', async () => {
    await using made = await labHost();
    const module = await made.load({ limits: { maxExecutionTime: 'PT10M' } });
    const abort = new AbortController();
    const call = failureOf(module.invoke('wait', [hour], { signal: abort.signal }));
    abort.abort();
    expect((await call).code).toBe('HS_RUNTIME_CANCELLED');
  });
});

describe('a swap', () => {
  it('lets calls that wait on the old version end, and cuts those that do not', async () => {
    await using made = await labHost();
    const limits = { maxExecutionTime: 'PT10M' } as const;
    const [old, next] = await Promise.all([made.load({ limits }), made.load({ limits })]);
    const slots = made.host.createSlotTable();
    const serve = (module: LoadedModule, version: string): void => {
      slots.set('app', { versions: new Map([[version, { module, weight: 1 }]]) });
    };
    serve(old, 'old');
    const ending = slots.invoke('app', 'wait', [50]);
    const cut = failureOf(slots.invoke('app', 'never', []));
    serve(next, 'next');
    expect(await slots.invoke('app', 'add', [1, 2])).toMatchObject({ version: 'next', result: { value: 3 } });
    expect(await slots.drain(old, 1_000)).toEqual({ finished: 1, cut: 1 });
    expect((await ending).version).toBe('old');
    expect(await cut).toMatchObject({ code: 'HS_RUNTIME_CANCELLED', details: { by: 'drain' } });
  });
});

describe('HTTP', () => {
  it('a component answers by wasi:http/handler on native threads, beside those of 0.2', async () => {
    await using fixture = await httpFixture({ experimental: ['preview3'] });
    const limits = { maxExecutionTime: 'PT2S' } as const;
    const module = await fixture.test.host.load({ bytes: await readFile(server) }, { limits });
    expect(module.description).toMatchObject({ servesHttp: 'component', wasiLevel: 'preview3' });
    fixture.serve('app', { next: [module, 1] });
    const { port } = await fixture.open([route('app')]);
    expect(await ask(port, '/echo', { body: 'there and back' })).toMatchObject({
      status: 200,
      body: 'there and back',
      headers: { 'x-hotswap-version': 'next', 'x-method': 'POST' },
    });
    expect((await ask(port, '/stream?n=3&ms=5')).body).toBe('line 0\nline 1\nline 2\n');
    expect((await ask(port, '/trap')).status).toBe(500);
    await expect(ask(port, '/wait-mid-body')).rejects.toThrow();
    const answers = await Promise.all(Array.from({ length: 50 }, async () => await ask(port, '/sleep?ms=20')));
    expect(answers.every(({ status, body }) => status === 200 && body === 'slept\n')).toBe(true);
  });
});
