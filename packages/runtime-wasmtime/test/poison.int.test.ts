import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { type LoadedModule, type WitValue, isHotSwapError } from '@hotswap/core';
import { buildExampleModules, compileBomb, hostileModule, hostileModules } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manyLocals, paddedModule } from './binary-modules.ts';
import { SteadyNeighbour } from './steady-neighbour.ts';
import { type TestHost, testHost } from './test-host.ts';

const limits = { maxMemoryMB: 32, maxExecutionTime: 'PT0.25S' };
/** Each poison is met again and again for so long. */
const roundMs = Number(process.env['HOTSWAP_POISON_MS'] ?? '400');
const callsToAbandon = process.env['HOTSWAP_TEST_FULL'] === '1' ? 10_000 : 2_000;

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'answered',
    (error: unknown) => (isHotSwapError(error) ? error.code : String(error)),
  );

describe('the poison suite, beside a neighbour of 1,000 calls a second', () => {
  let test: TestHost;
  let bounded: TestHost;
  let adder: LoadedModule;
  let neighbour: SteadyNeighbour;

  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
    bounded = await testHost({ compile: 'child' });
    adder = await test.example('adder');
    neighbour = new SteadyNeighbour(adder);
    neighbour.start();
  });
  afterAll(async () => {
    neighbour.stop();
    await neighbour.take();
    await bounded[Symbol.asyncDispose]();
    await test[Symbol.asyncDispose]();
  });

  /** Meets a poison again and again; every meeting ends in one of the codes, and all of the neighbour's calls are answered rightly. */
  const contain = async (codes: readonly string[], meet: () => Promise<unknown>): Promise<void> => {
    await neighbour.take();
    const until = performance.now() + roundMs;
    do {
      for (const code of await Promise.all([codeOf(meet()), codeOf(meet())])) expect(codes).toContain(code);
      // The neighbour's calls are made on this thread too.
      await new Promise((resolve) => setTimeout(resolve, 5));
    } while (performance.now() < until);
    // How long they took is what the bench `contain` measures.
    const { wrong, calls } = await neighbour.take();
    expect(wrong).toEqual([]);
    expect(calls).toBeGreaterThan(0);
  };

  const rows = [...new Set(hostileModules.map(({ row }) => row).filter((row) => row !== undefined))].toSorted();

  it.each(rows)('%s is contained', async (row) => {
    for (const { path, phase, function: fn, args = [], expected } of hostileModules.filter(
      (entry) => entry.row === row,
    )) {
      const bytes = await readFile(path);
      const codes = expected.outcome === 'error' ? [...expected.codes, 'HS_RUNTIME_QUEUE_FULL'] : ['answered'];
      if (phase === 'inspect') await contain(codes, () => test.host.inspect(bytes));
      else if (phase === 'load')
        await contain(codes, async () => {
          await using module = await test.host.load({ bytes }, { limits });
          return module;
        });
      else {
        const loaded = await codeOf(
          test.host.load({ bytes }, { limits }).then((module) => module[Symbol.asyncDispose]()),
        );
        // One that asks for too much before it is called ends there.
        expect([...codes, 'answered']).toContain(loaded);
        if (loaded !== 'answered') continue;
        await using module = await test.host.load({ bytes }, { limits });
        await contain(codes, () => (phase === 'run' ? module.run() : module.invoke(fn ?? '', args as WitValue[])));
      }
    }
  });

  it('F66: a module of the largest size is taken, one byte more is refused before it is parsed', async () => {
    const largest = 50 * 1_048_576;
    const module = paddedModule(largest);
    const rssBefore = process.memoryUsage().rss;
    await (await test.host.load({ bytes: module }))[Symbol.asyncDispose]();
    // The binary, its copy for hashing, and what parsing it takes.
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(5 * largest);
    const larger = paddedModule(largest + 1);
    await contain(['HS_RUNTIME_MODULE_TOO_LARGE'], () => test.host.inspect(larger));
  });

  it('F67: compiled code that was changed, cut or exchanged is never run', async () => {
    const code = join(test.cacheDirectory, 'code');
    await contain(['answered'], async () => {
      for (const name of (await readdir(code)).filter((name) => name.endsWith('.cwasm'))) {
        const file = join(code, name);
        const bytes = await readFile(file).catch(() => undefined);
        if (bytes === undefined || bytes.length === 0) continue;
        const at = Math.floor(Math.random() * bytes.length);
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
        // Another file in its place: the old one is mapped, and whoever can write into it is this user already.
        const other = `${file}.${String(Math.random())}`;
        await writeFile(other, bytes, { mode: 0o400 });
        await rename(other, file);
      }
      await using module = await test.example('adder');
      expect((await module.invoke('add', [20, 22])).value).toBe(42);
    });
  });

  it(`F71: ${callsToAbandon} calls abandoned at random moments leave nothing behind`, async () => {
    await using module = await test.example('typed-rust');
    await neighbour.take();
    const outcomes = new Map<string, number>();
    const abandon = async (at: number): Promise<void> => {
      const controller = new AbortController();
      const call = codeOf(module.invoke('echo-u32', [at], { signal: controller.signal }));
      const moment = Math.floor(Math.random() * 4);
      if (moment === 0) controller.abort();
      else if (moment === 1) queueMicrotask(() => controller.abort());
      else if (moment === 2) setImmediate(() => controller.abort());
      else setTimeout(() => controller.abort(), Math.random() * 3);
      const code = await call;
      outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
    };
    for (let at = 0; at < callsToAbandon; at += 200)
      await Promise.all(Array.from({ length: 200 }, (_, i) => abandon(at + i)));
    for (const outcome of outcomes.keys()) expect(['answered', 'HS_RUNTIME_CANCELLED']).toContain(outcome);
    expect(module.stats().inFlight).toBe(0);
    expect((await neighbour.take()).wrong).toEqual([]);
  });

  it('F72: what would take minutes or gigabytes to compile is ended in the child', async () => {
    // A tenth of a megabyte: the size of a binary says nothing about what it takes to compile it.
    const bomb = manyLocals(50_000, 5_000);
    expect(bomb.length).toBeLessThan(100_000);
    await contain(['HS_RUNTIME_COMPILE_LIMIT'], () => bounded.host.load({ bytes: bomb }));
    // An honest module of some size passes the same way.
    await using honest = await bounded.host.load({ bytes: compileBomb({ functions: 500 }) });
    expect((await honest.invoke('run', [1])).value).toBeTypeOf('number');
  });

  it('F74: a health check that is missing, slow, lying or broken says so itself', async () => {
    const load = async (id: string): Promise<LoadedModule> =>
      await test.host.load({ bytes: await readFile(hostileModule(id).path) }, { limits });
    await using missing = await load('memory-copy');
    await using slow = await load('loop-in-health-check');
    await using lying = await load('loop-in-export');
    await contain(['HS_RUNTIME_UNKNOWN_EXPORT', 'answered'], () => missing.invoke('no_such_check', []));
    await contain(['HS_RUNTIME_TIMEOUT'], () => slow.invoke('health_check', []));
    await contain(['answered'], () => lying.invoke('health_check', []));
    await contain(['HS_RUNTIME_TIMEOUT'], () => lying.invoke('run', []));
  });

  it('leaves nothing of it behind', async () => {
    const { wrong } = await neighbour.take();
    expect(wrong).toEqual([]);
    const { inFlight } = adder.stats();
    expect(inFlight).toBeLessThan(100);
  });
});
