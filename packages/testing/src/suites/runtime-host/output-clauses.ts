import assert from 'node:assert/strict';
import { type CallOptions, isHotSwapError, type LoadedModule, type LoadOptions, type RuntimeHost } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import { bytesOf, commandModule, speakerModule } from './contract-modules.ts';
import { type RuntimeHostRig, where } from './host-clauses.ts';

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && new TextDecoder().decode(bytes);
const loadSpeaker = (host: RuntimeHost, options?: LoadOptions): Promise<LoadedModule> =>
  host.load({ bytes: bytesOf(speakerModule) }, options);
const codeOf = (letter: string): number => letter.charCodeAt(0);

const said = { stdout: 'said \u001b[1mthis\n', stderr: 'trouble\n' };
/** The line on standard output begins with a terminal escape: shown, it does nothing. */
const shown = { stdout: 'said \\u{1b}[1mthis\n', stderr: 'trouble\n' };

async function failure(call: Promise<unknown>, code: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    await call;
  } catch (thrown) {
    assert.ok(isHotSwapError(thrown, code), `expected ${code}, got ${String(thrown)}`);
    return thrown.details;
  }
  assert.fail(`expected ${code}`);
}

async function assertLeavesOutput(
  module: LoadedModule,
  call: string,
  code: string,
  options?: CallOptions,
): Promise<void> {
  const { stdout, stderr } = await failure(module.invoke(call, [], options), code);
  assert.deepEqual({ stdout, stderr }, shown);
}

/** What functions write, on hosts that have WASI preview 1. @internal */
export const outputClauses: Clauses<RuntimeHostRig> = {
  'what a function writes is in the result of its call, by stream': where('preview1', async ({ host }) => {
    await using module = await loadSpeaker(host);
    const { value, stdout, stderr, droppedBytes } = await module.invoke('say', []);
    assert.deepEqual({ stdout: text(stdout), stderr: text(stderr) }, said);
    assert.deepEqual([value, droppedBytes], [undefined, undefined]);
    const letters = await module.invoke('repeat', [codeOf('a'), 3]);
    assert.deepEqual([letters.value, text(letters.stdout), letters.stderr], [codeOf('a'), 'aaa', undefined]);
  }),

  'a call that writes nothing does not speak of output': where('preview1', async ({ host }) => {
    await using module = await loadSpeaker(host);
    await module.invoke('say', []);
    const silent = await module.invoke('repeat', [codeOf('a'), 0]);
    assert.deepEqual(Object.keys(silent).sort(), ['durationMs', 'value']);
  }),

  'output of calls that run at once does not mix': where('preview1', async ({ host }) => {
    await using module = await loadSpeaker(host);
    const letters = Array.from({ length: 60 }, (_, n) => String.fromCharCode(codeOf('A') + n));
    const results = await Promise.all(
      letters.map(async (letter, n) => {
        if (n % 7 === 3)
          return shown.stdout === (await failure(module.invoke('trap', []), 'HS_RUNTIME_TRAP'))['stdout'];
        return text((await module.invoke('repeat', [codeOf(letter), 20 * n])).stdout) ?? '';
      }),
    );
    assert.deepEqual(
      results,
      letters.map((letter, n) => (n % 7 === 3 ? true : letter.repeat(20 * n))),
    );
  }),

  'an instance that is used again does not repeat what it wrote': where(
    'preview1',
    where('instanceReuse', async ({ host }) => {
      const reuse = { maxInstances: 1, maxCalls: 100, maxIdleTime: 'PT1M' } as const;
      await using module = await loadSpeaker(host, { runtime: { reuse }, maxOutputSize: 4 });
      for (const [letter, times] of [
        ['a', 3],
        ['b', 4],
        ['c', 0],
        ['d', 1],
      ] as const) {
        const { stdout, droppedBytes } = await module.invoke('repeat', [codeOf(letter), times]);
        assert.deepEqual([text(stdout) ?? '', droppedBytes], [letter.repeat(times), undefined]);
      }
    }),
  ),

  'each call of an open instance has what it wrote itself': where('preview1', async ({ host }) => {
    await using module = await loadSpeaker(host);
    await using instance = await module.open();
    const { stdout, stderr } = await instance.invoke('say', []);
    assert.deepEqual({ stdout: text(stdout), stderr: text(stderr) }, said);
    const letters = await instance.invoke('repeat', [codeOf('a'), 3]);
    assert.deepEqual([text(letters.stdout), letters.stderr], ['aaa', undefined]);
    const silent = await instance.invoke('repeat', [codeOf('a'), 0]);
    assert.deepEqual(Object.keys(silent).sort(), ['durationMs', 'value']);
  }),

  'what a function writes beyond the limit is dropped and counted': where('preview1', async ({ host }) => {
    await using module = await loadSpeaker(host, { maxOutputSize: 100 });
    const { value, stdout, droppedBytes } = await module.invoke('repeat', [codeOf('x'), 5_000]);
    assert.deepEqual([value, text(stdout), droppedBytes], [codeOf('x'), 'x'.repeat(100), 4_900]);
  }),

  'all calls of a module log no more in a second than they may': where('preview1', async ({ host }) => {
    await using module = await loadSpeaker(host, { maxLogBytesPerSecond: 100 });
    const started = performance.now();
    const calls = Array.from({ length: 20 }, () => module.invoke('repeat', [codeOf('x'), 50]));
    const results = await Promise.all(calls);
    const kept = results.reduce((sum, { stdout }) => sum + (stdout?.length ?? 0), 0);
    const dropped = results.reduce((sum, { droppedBytes }) => sum + (droppedBytes ?? 0), 0);
    assert.equal(kept + dropped, 20 * 50);
    const most = 100 + Math.ceil((100 * (performance.now() - started)) / 1_000);
    assert.ok(kept >= 100 && kept <= most, `${kept} bytes were kept, at most ${most} may be`);
    assert.ok(
      results.every(({ stdout }) => stdout !== undefined),
      'a stream of which nothing was kept is there',
    );
  }),

  'a command writes as much as its limit, whatever functions may log': where('preview1', async ({ host }) => {
    await using program = await host.load({ bytes: bytesOf(commandModule) }, { maxLogBytesPerSecond: 0 });
    const { stdout, droppedBytes } = await program.run();
    assert.deepEqual([text(stdout), droppedBytes], ['hello\n', 0]);
  }),

  'a call that traps tells what it had written': where('preview1', async ({ host }) => {
    await using module = await loadSpeaker(host);
    await assertLeavesOutput(module, 'trap', 'HS_RUNTIME_TRAP');
  }),

  'a call that runs out of time tells what it had written': where(
    'preview1',
    where('cpuLimit', async ({ host }) => {
      await using module = await loadSpeaker(host);
      await assertLeavesOutput(module, 'spin', 'HS_RUNTIME_TIMEOUT', { timeoutMs: 1_000 });
      const { stdout } = await module.invoke('repeat', [codeOf('z'), 2]);
      assert.equal(text(stdout), 'zz');
    }),
  ),

  'a call that its caller cancels tells what it had written': where(
    'preview1',
    where('cpuLimit', async ({ host }) => {
      await using module = await loadSpeaker(host);
      // Nobody outside sees when a guest has begun to write: cancelled ever later, until it has.
      for (let waitMs = 20; ; waitMs *= 2) {
        const signal = AbortSignal.timeout(waitMs);
        const { by, stdout, stderr } = await failure(
          module.invoke('spin', [], { signal, timeoutMs: 60_000 }),
          'HS_RUNTIME_CANCELLED',
        );
        assert.equal(by, 'caller');
        if (waitMs < 10_000 && (stdout === undefined || stderr === undefined)) continue;
        assert.deepEqual({ stdout, stderr }, shown);
        return;
      }
    }),
  ),
};
