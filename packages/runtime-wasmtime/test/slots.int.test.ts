import { readFile } from 'node:fs/promises';
import type { LoadedModule, SlotTable } from '@hotswap/core';
import { buildExampleModules, exampleModule, hostileModule } from '@hotswap/example-modules';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

describe('slots', () => {
  let test: TestHost;
  let slots: SlotTable;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    slots = test.host.createSlotTable();
  });

  const serve = (weights: Readonly<Record<string, number>>, modules: Readonly<Record<string, LoadedModule>>): void => {
    slots.set('greeter', {
      versions: new Map(
        Object.entries(weights).map(([version, weight]) => [
          version,
          { module: modules[version] as LoadedModule, weight },
        ]),
      ),
    });
  };

  it('swap under load without a failed, stale or mixed answer', async () => {
    const adders = await Promise.all([1, 2, 3].map(async () => await test.example('adder')));
    let current = 0;
    let running = true;
    slots.set('adder', { versions: new Map([['0', { module: adders[0] as LoadedModule, weight: 1 }]]) });
    const answers = { count: 0, stale: 0 };
    const clients = Array.from({ length: 32 }, async () => {
      while (running) {
        const admittedAt = current;
        const { version, result } = await slots.invoke('adder', 'add', [20, 22]);
        expect(result.value).toBe(42);
        answers.count += 1;
        if (Number(version) !== admittedAt) answers.stale += 1;
      }
    });
    for (let swap = 1; swap <= 300; swap++) {
      const module = adders[swap % 3] as LoadedModule;
      slots.set('adder', { versions: new Map([[String(swap), { module, weight: 1 }]]) });
      current = swap;
      for (const until = answers.count + 5; answers.count < until;)
        await new Promise((resolve) => setImmediate(resolve));
    }
    running = false;
    await Promise.all(clients);
    expect(answers.stale).toBe(0);
    expect(answers.count).toBeGreaterThanOrEqual(1_500);
  });

  it('keep a request on the version that it was admitted with, whatever happens to the slot', async () => {
    const [one, two] = [await test.example('greeter-1.0.0'), await test.example('greeter-1.1.0')];
    serve({ one: 1 }, { one });
    const admitted = Array.from({ length: 50 }, () => slots.invoke('greeter', 'version', []));
    serve({ two: 1 }, { two });
    const after = await slots.invoke('greeter', 'version', []);
    expect(after).toMatchObject({ version: 'two', result: { value: '1.1.0' } });
    for (const { version, result } of await Promise.all(admitted))
      expect([version, result.value]).toEqual(['one', '1.0.0']);
  });

  it('serve a pinned version, warm ones too, and refuse one that is not there', async () => {
    const [one, two] = [await test.example('greeter-1.0.0'), await test.example('greeter-1.1.0')];
    serve({ one: 1, two: 0 }, { one, two });
    for (let i = 0; i < 20; i++) expect((await slots.invoke('greeter', 'version', [])).version).toBe('one');
    expect(await slots.invoke('greeter', 'version', [], { version: 'two' })).toMatchObject({
      version: 'two',
      result: { value: '1.1.0' },
    });
    expect(await failureOf(slots.invoke('greeter', 'version', [], { version: 'three' }))).toMatchObject({
      code: 'HS_RUNTIME_NO_VERSION',
      httpStatus: 421,
      details: { held: ['one', 'two'] },
    });
    serve({ one: 0, two: 0 }, { one, two });
    expect((await failureOf(slots.invoke('greeter', 'version', []))).code).toBe('HS_RUNTIME_NO_VERSION');
    slots.remove('greeter');
    expect((await failureOf(slots.invoke('greeter', 'version', []))).code).toBe('HS_RUNTIME_NO_SLOT');
  });

  it('split requests by weight, and move a sticky key only towards the version that grows', async () => {
    const [one, two] = [await test.example('greeter-1.0.0'), await test.example('greeter-1.1.0')];
    const keys = Array.from({ length: 200 }, (_, i) => `user-${i}`);
    let before: ReadonlySet<string> = new Set();
    for (const percent of [0, 10, 50, 90, 100]) {
      serve({ one: 100 - percent, two: percent }, { one, two });
      const served = await Promise.all(
        keys.map(
          async (stickyKey) =>
            [stickyKey, (await slots.invoke('greeter', 'version', [], { stickyKey })).version] as const,
        ),
      );
      const onTwo = new Set(served.filter(([, version]) => version === 'two').map(([key]) => key));
      for (const key of before) expect(onTwo).toContain(key);
      expect(Math.abs(onTwo.size - percent * 2)).toBeLessThan(40);
      before = onTwo;
    }
  });

  it('drain: wait for what is in flight, or cut it at the deadline', async () => {
    const bytes = await readFile(hostileModule('loop-in-export').path);
    const looping = await test.host.load({ bytes }, { limits: { maxExecutionTime: 'PT30S' } });
    slots.set('loop', { versions: new Map([['1', { module: looping, weight: 1 }]]) });
    const calls = [1, 2].map(() => failureOf(slots.invoke('loop', 'run', [])));
    slots.remove('loop');
    expect(await slots.drain(looping, 50)).toEqual({ finished: 0, cut: 2 });
    expect((await Promise.all(calls)).map(({ code }) => code)).toEqual([
      'HS_RUNTIME_CANCELLED',
      'HS_RUNTIME_CANCELLED',
    ]);

    const greeter = await test.example('greeter');
    slots.set('greeter', { versions: new Map([['1', { module: greeter, weight: 1 }]]) });
    const greetings = Array.from({ length: 10 }, () => slots.invoke('greeter', 'greet', ['Ada']));
    const drained = await slots.drain(greeter, 10_000);
    expect(drained.cut).toBe(0);
    expect((await Promise.all(greetings)).map(({ result }) => result.value)).toEqual(
      greetings.map(() => 'Hello, Ada!'),
    );
    await greeter[Symbol.asyncDispose]();
  });

  it('run commands too', async () => {
    const command = await test.example('wasi-command');
    slots.set('command', { versions: new Map([['1', { module: command, weight: 1 }]]) });
    const { version, result } = await slots.run('command', { args: ['--exit=3'] });
    expect([version, result.exitCode]).toEqual(['1', 3]);
  });

  it('refuse weights that are none, and modules that are none of theirs', async () => {
    const module = await test.example('adder');
    for (const weight of [-1, NaN, Infinity])
      expect(() => slots.set('x', { versions: new Map([['1', { module, weight }]]) })).toThrow(
        expect.objectContaining({ code: 'HS_RUNTIME_INVALID_ARGUMENT' }),
      );
    expect(() => slots.set('x', { versions: new Map([['1', { module: {} as LoadedModule, weight: 1 }]]) })).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_INVALID_ARGUMENT' }),
    );
    expect((await failureOf(slots.invoke('x', 'add', []))).code).toBe('HS_RUNTIME_NO_SLOT');
  });

  it('hold what has been loaded only as long as someone needs it', async () => {
    const bytes = await readFile(exampleModule('adder').path);
    const loadedBefore = await rssAfterLoads(0, bytes);
    const loadedAfter = await rssAfterLoads(300, bytes);
    expect(loadedAfter - loadedBefore).toBeLessThan(64 * 1_048_576);
  });

  async function rssAfterLoads(count: number, bytes: Uint8Array): Promise<number> {
    for (let i = 0; i < count; i++) {
      const module = await test.host.load({ bytes });
      await module.invoke('add', [1, 2]);
      await module[Symbol.asyncDispose]();
    }
    return process.memoryUsage.rss();
  }
});
