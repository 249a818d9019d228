import { execFileSync } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import process from 'node:process';
import { buildExampleModules, compileBomb, exampleModule } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompletionQueue } from '../src/completion-queue.ts';
import { compilerCommand, loadNativeBinding } from '../src/load-native-binding.ts';
import { manyLocals } from './binary-modules.ts';
import { failureOf, testHost } from './test-host.ts';

const linux = process.platform === 'linux';

/** Compiling children of this process. */
async function children(): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [stat, command] = await Promise.all([
      readFile(`/proc/${entry}/stat`, 'utf8').catch(() => ''),
      readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => ''),
    ]);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent === process.pid && command.includes('compileWorker')) found.push(Number(entry));
  }
  return found;
}

describe('the compiling child', () => {
  beforeAll(async () => {
    await buildExampleModules();
  });

  it('makes the same of a module as this process does, core and component, metered and not', async () => {
    await using here = await testHost({ cacheDirectory: false });
    await using there = await testHost({ cacheDirectory: false, compile: 'child' });
    expect(there.host.capabilities.boundedCompilation).toBe(true);
    expect(here.host.capabilities.boundedCompilation).toBe(false);
    for (const test of [here, there])
      for (const runtime of [{}, { fuel: 1_000_000 }]) {
        await using adder = await test.example('adder', { runtime });
        expect(await adder.invoke('add', [40, 2])).toMatchObject({ value: 42 });
        await using typed = await test.example('typed-rust', { runtime });
        expect(await typed.invoke('echo-string', ['across'])).toMatchObject({ value: 'across' });
      }
  });

  it('fills the cache, which then needs no child', async () => {
    await using test = await testHost({ compile: 'child' });
    const { example, host } = test;
    await (await example('adder'))[Symbol.asyncDispose]();
    const before = await children();
    await using again = await host.load({ bytes: await readFile(exampleModule('adder').path) });
    expect((await again.invoke('add', [1, 2])).value).toBe(3);
    if (linux) expect(await children()).toEqual(before);
  });

  it('is one process for many modules, and another one after its end', async () => {
    if (!linux) return;
    await using test = await testHost({ cacheDirectory: false, compile: 'child' });
    const load = async (): Promise<void> => (await test.example('adder'))[Symbol.asyncDispose]();
    for (let i = 0; i < 5; i += 1) await load();
    const [child = 0, ...others] = await children();
    expect(others.length).toBeLessThan(3);
    for (const pid of [child, ...others]) process.kill(pid, 'SIGKILL');
    // The next module meets the dead child: it says so, or another one takes it. The one after that is fine.
    await load().catch((error: unknown) => expect(error).toMatchObject({ code: 'HS_RUNTIME_COMPILE_LIMIT' }));
    await load();
    expect(await children()).not.toContain(child);
  });

  it('is ended when it takes too much memory, and says which limit it was', async () => {
    await using test = await testHost({ cacheDirectory: false, compile: 'child' });
    const failure = await failureOf(test.host.load({ bytes: manyLocals(50_000, 5_000) }));
    expect(failure).toMatchObject({
      code: 'HS_RUNTIME_COMPILE_LIMIT',
      httpStatus: 422,
      details: { limit: 'memoryBytes' },
    });
    await using adder = await test.example('adder');
    expect((await adder.invoke('add', [40, 2])).value).toBe(42);
  });

  it('is ended when it takes too much time on the processor', async () => {
    const native = loadNativeBinding();
    const queue = new CompletionQueue(native);
    // Many functions of a few kilobytes: memory is given back after each, time is not.
    const bomb = compileBomb({ functions: 20_000, operations: 60, locals: 30 });
    const options = { compiler: { command: compilerCommand(), cpuMs: 1_000 } };
    const failure = await failureOf(
      queue.submit((dispatcher, callId) => dispatcher.load(callId, bomb, JSON.stringify(options))),
    );
    expect(failure).toMatchObject({ code: 'HS_RUNTIME_COMPILE_LIMIT', details: { limit: 'cpuMs' } });
    await queue.close();
  });

  it('leaves nothing in the environment of a child but where its libraries are', async () => {
    if (!linux) return;
    await using test = await testHost({ cacheDirectory: false, compile: 'child' });
    await (await test.example('adder'))[Symbol.asyncDispose]();
    const [child] = await children();
    const environment = await readFile(`/proc/${child}/environ`, 'utf8');
    const names = environment
      .split('\0')
      .filter(Boolean)
      .map((entry) => entry.split('=', 1)[0]);
    for (const name of names) expect(['LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'SystemRoot']).toContain(name);
    const limits = execFileSync('cat', [`/proc/${child}/limits`], { encoding: 'utf8' });
    expect(limits).toMatch(/Max cpu time\s+\d+/);
    expect(limits).toMatch(/Max address space\s+\d+/);
    expect(limits).toMatch(/Max core file size\s+0/);
  });
});
