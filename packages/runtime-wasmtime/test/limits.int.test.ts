import { readFile } from 'node:fs/promises';
import { type LoadOptions, type LoadedModule, type WitValue, defaultResourceLimits } from '@hotswap/core';
import { type HostileModule, buildExampleModules, hostileModule, hostileModules } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declaredMemory } from './binary-modules.ts';
import { type TestHost, failureOf, testHost } from './test-host.ts';

/** A time limit short enough for a suite, long enough for a busy machine to compute an honest answer within it. */
const limits = { maxMemoryMB: 32, maxExecutionTime: 'PT0.5S' };
/** Beyond its limit a call gets one tick of 10 ms and one bulk step; the rest is slack for a busy machine. */
const slackMs = 2_500;

describe('limits', () => {
  let test: TestHost;
  let neighbour: LoadedModule;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
    neighbour = await test.example('adder');
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  const hostile = async (id: string, options: LoadOptions = { limits }): Promise<LoadedModule> =>
    await test.host.load({ bytes: await readFile(hostileModule(id).path) }, options);

  /** Meets one hostile module, up to the step that must notice. */
  const meet = async ({ path, phase, function: fn, args = [] }: HostileModule): Promise<unknown> => {
    const bytes = await readFile(path);
    if (phase === 'inspect') return await test.host.inspect(bytes);
    await using module = await test.host.load({ bytes }, { limits });
    if (phase === 'run') return (await module.run()).exitCode;
    return phase === 'invoke' ? (await module.invoke(fn ?? '', args as WitValue[])).value : undefined;
  };

  it.each(hostileModules.map((entry) => [entry.id, entry] as const))(
    'contain %s, and the neighbour keeps answering',
    async (_, entry) => {
      const since = performance.now();
      const met = meet(entry);
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => neighbour.invoke('add', [i, 1])));
      expect(answers.map(({ value }) => value)).toEqual(answers.map((_, i) => i + 1));
      const { expected } = entry;
      if (expected.outcome === 'error') {
        const failure = await failureOf(met);
        expect(expected.codes).toContain(failure.code);
        if (failure.code === 'HS_RUNTIME_TRAP' && expected.traps !== undefined)
          expect(expected.traps).toContain(failure.details['trap']);
      } else {
        const answer = await met;
        if (expected.outcome === 'exit') expect(answer).toBe(expected.exitCode);
      }
      expect(performance.now() - since).toBeLessThan(500 + slackMs);
    },
  );

  it('grant memory up to the limit, all memories together, and no page more', async () => {
    for (const id of ['memory-bomb', 'memory-bomb-many']) {
      await using module = await hostile(id, { limits: { maxMemoryMB: 4 } });
      expect((await module.invoke('run', [])).value).toBe(64);
      expect(module.stats()).toMatchObject({ memoryRefusals: 1, peakMemoryBytes: 4 * 1_048_576 });
    }
  });

  it.each([
    [63, 0],
    [64, 1],
  ])('count a call that held %i of 64 pages %i times as one at its limit', async (pages, memoryRefusals) => {
    await using module = await test.host.load({ bytes: declaredMemory(pages) }, { limits: { maxMemoryMB: 4 } });
    await module.invoke('f', []);
    expect(module.stats()).toMatchObject({ memoryRefusals, peakMemoryBytes: pages * 65_536 });
  });

  it('end an endless loop in time, sync and async, by its own limit or a shorter one of the call, never a longer one', async () => {
    await using module = await hostile('loop-in-export');
    expect(await failureOf(module.invoke('run', []))).toMatchObject({ code: 'HS_RUNTIME_TIMEOUT', httpStatus: 504 });
    for (const [timeoutMs, limitMs] of [
      [50, 50],
      [60_000, 500],
    ] as const) {
      const since = performance.now();
      expect((await failureOf(module.invoke('run', [], { timeoutMs }))).code).toBe('HS_RUNTIME_TIMEOUT');
      expect(performance.now() - since).toBeGreaterThan(limitMs * 0.9);
      expect(performance.now() - since).toBeLessThan(limitMs + slackMs);
    }
    expect(() => module.invokeSync?.('run', [])).toThrow(expect.objectContaining({ code: 'HS_RUNTIME_TIMEOUT' }));
  });

  it('hold all calls of a module to their share of a core, and say how long they waited', async () => {
    await using module = await hostile('loop-in-export', { limits: { maxExecutionTime: 'PT1.5S', maxCpuPercent: 20 } });
    const since = performance.now();
    const codes = await Promise.all(
      Array.from({ length: 4 }, async () => (await failureOf(module.invoke('run', []))).code),
    );
    for (const code of codes) expect(['HS_RUNTIME_TIMEOUT', 'HS_RUNTIME_QUEUE_FULL']).toContain(code);
    expect(codes).toContain('HS_RUNTIME_TIMEOUT');
    const tookMs = performance.now() - since;
    expect(tookMs).toBeLessThan(1_500 + slackMs);
    expect(module.stats().throttledMs).toBeGreaterThan(500);
    // 20 % of 1.5 s, and what each of four calls had in advance.
    expect(module.stats().cpuMs).toBeLessThan(600);
    // What was used is paid for within moments; then the module is as good as any.
    await expect
      .poll(async () => await module.invoke('health_check', []).catch(() => undefined), { timeout: 10_000 })
      .toMatchObject({ value: 1 });
  });

  it('end a call that waits in the host', async () => {
    await using module = await hostile('sleep-hour', { limits: { maxExecutionTime: 'PT0.2S' } });
    const since = performance.now();
    expect((await failureOf(module.run())).code).toBe('HS_RUNTIME_TIMEOUT');
    expect(performance.now() - since).toBeLessThan(200 + slackMs);
  });

  it("give a trap its kind and the guest's call stack, innermost first", async () => {
    await using module = await hostile('unreachable');
    const { details } = await failureOf(module.invoke('unreachable', []));
    expect(details).toMatchObject({
      trap: 'unreachable',
      frames: [{ functionName: 'inner', moduleName: 'traps' }, {}],
    });
    expect((await module.invoke('fine', [])).value).toBe(42);
    expect(module.stats()).toMatchObject({ crashes: 1 });
    expect(() => module.invokeSync?.('unreachable', [])).toThrow(expect.objectContaining({ code: 'HS_RUNTIME_TRAP' }));
    expect(module.invokeSync?.('fine', [])).toBe(42);
  });

  it('end an open instance with its first trap', async () => {
    await using module = await hostile('unreachable');
    await using instance = await module.open();
    expect((await instance.invoke('fine', [])).value).toBe(42);
    expect((await failureOf(instance.invoke('unreachable', []))).code).toBe('HS_RUNTIME_TRAP');
    expect((await failureOf(instance.invoke('fine', []))).code).toBe('HS_RUNTIME_STALE_HANDLE');
    expect((await module.invoke('fine', [])).value).toBe(42);
  });

  it('refuse arguments and results that are too large', async () => {
    await using module = await test.example('typed-rust', { limits: { maxInputSize: 1_000 }, maxOutputSize: 500 });
    expect((await module.invoke('echo-list-u8', [new Uint8Array(400)])).value).toHaveLength(400);
    expect(await failureOf(module.invoke('echo-list-u8', [new Uint8Array(1_001)]))).toMatchObject({
      code: 'HS_RUNTIME_INPUT_LIMIT',
      httpStatus: 413,
    });
    expect((await failureOf(module.invoke('echo-string', ['x'.repeat(1_001)]))).code).toBe('HS_RUNTIME_INPUT_LIMIT');
    expect((await failureOf(module.invoke('echo-list-u8', [new Uint8Array(600)]))).code).toBe(
      'HS_RUNTIME_OUTPUT_LIMIT',
    );
  });

  it('cancel a call in flight within moments, with the reason of the signal', async () => {
    await using module = await hostile('loop-in-export', { limits: defaultResourceLimits });
    const reason = new Error('not needed any more');
    const controller = new AbortController();
    const call = module.invoke('run', [], { signal: controller.signal });
    const since = performance.now();
    setTimeout(() => controller.abort(reason), 30);
    expect(await failureOf(call)).toMatchObject({ code: 'HS_RUNTIME_CANCELLED', cause: reason });
    expect(performance.now() - since).toBeLessThan(slackMs);
    expect((await failureOf(module.invoke('run', [], { signal: AbortSignal.abort(reason) }))).cause).toBe(reason);
  });

  it('abandon 500 calls at random moments without harm', async () => {
    await using module = await test.example('typed-rust');
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const controller = new AbortController();
        const call = module.invoke('echo-u32', [i], { signal: controller.signal }).then(
          ({ value }) => value,
          (error: { code: string }) => error.code,
        );
        if (i % 3 === 0) controller.abort();
        else if (i % 3 === 1) setImmediate(() => controller.abort());
        return await call;
      }),
    );
    outcomes.forEach((outcome, i) => expect([i, 'HS_RUNTIME_CANCELLED']).toContain(outcome));
    expect(module.stats().inFlight).toBe(0);
  });

  it("refuse calls beyond the module's queue at once, and take them again when it has room", async () => {
    await using small = await testHost({ maxPendingCallsPerModule: 4 });
    await using module = await small.host.load(
      { bytes: await readFile(hostileModule('loop-in-export').path) },
      { limits },
    );
    const calls = Array.from({ length: 10 }, () => failureOf(module.invoke('run', [], { timeoutMs: 100 })));
    const codes = (await Promise.all(calls)).map(({ code }) => code);
    expect(codes.filter((code) => code === 'HS_RUNTIME_QUEUE_FULL')).toHaveLength(6);
    expect(codes.filter((code) => code === 'HS_RUNTIME_TIMEOUT')).toHaveLength(4);
    expect((await module.invoke('health_check', [])).value).toBe(1);
  });
});
