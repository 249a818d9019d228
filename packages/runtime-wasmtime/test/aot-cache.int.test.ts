import { readFile, readdir, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadNativeBinding } from '../src/load-native-binding.ts';
import { type TestHost, testHost } from './test-host.ts';

/** Every byte takes minutes; these take the ends, a walk through the middle, and a few that differ per run. */
const everyByte = process.env['HOTSWAP_TEST_FULL'] === '1';
const stride = everyByte ? 1 : 509;

describe('cache of compiled code', () => {
  let test: TestHost;
  beforeAll(async () => {
    await buildExampleModules();
  });
  beforeEach(async () => {
    test = await testHost();
    return async () => {
      await test[Symbol.asyncDispose]();
    };
  });

  const counters = (): { hits: number; misses: number; rejected: number } => {
    const { cacheHits: hits, cacheMisses: misses, cacheRejected: rejected } = loadNativeBinding().runtimeStats();
    return { hits, misses, rejected };
  };
  const during = async (work: () => Promise<void>): Promise<{ hits: number; misses: number; rejected: number }> => {
    const before = counters();
    await work();
    const after = counters();
    return {
      hits: after.hits - before.hits,
      misses: after.misses - before.misses,
      rejected: after.rejected - before.rejected,
    };
  };
  const loadAndCall = async (): Promise<void> => {
    await using adder = await test.example('adder');
    expect((await adder.invoke('add', [2, 40])).value).toBe(42);
  };
  const entries = async (): Promise<string[]> =>
    (await readdir(join(test.cacheDirectory, 'code'))).map((name) => join(test.cacheDirectory, 'code', name));

  it('compiles once, and maps afterwards, in another host too', async () => {
    expect(await during(loadAndCall)).toEqual({ hits: 0, misses: 1, rejected: 0 });
    expect(await during(loadAndCall)).toEqual({ hits: 1, misses: 0, rejected: 0 });
    await using other = await wasmtime({ cacheDirectory: test.cacheDirectory });
    expect(
      await during(async () => {
        await using adder = await other.load({ bytes: await readFile(exampleModule('adder').path) });
        expect(adder.invokeSync?.('add', [1, 2])).toBe(3);
      }),
    ).toEqual({ hits: 1, misses: 0, rejected: 0 });
  });

  it(
    'never runs an entry of which one byte was changed, and compiles it anew',
    async () => {
      await loadAndCall();
      const files = await entries();
      expect(files.length).toBeGreaterThan(0);
      for (const file of files) {
        const intact = await readFile(file);
        await chmod(file, 0o600);
        const random = Array.from({ length: 8 }, () => Math.floor(Math.random() * intact.length));
        const places = new Set([0, 1, intact.length - 1, ...random]);
        for (let at = 0; at < intact.length; at += stride) places.add(at);
        for (const at of places) {
          const changed = Buffer.from(intact);
          changed.writeUInt8(changed.readUInt8(at) ^ (1 << (at % 8)), at);
          await writeFile(file, changed);
          await chmod(file, 0o400);
          const { hits, rejected, misses } = await during(loadAndCall);
          expect({ at, hits }).toEqual({ at, hits: 0 });
          expect(rejected + misses).toBeGreaterThan(0);
          expect(await during(loadAndCall)).toEqual({ hits: 1, misses: 0, rejected: 0 });
          await chmod(file, 0o600);
        }
      }
    },
    everyByte ? 1_800_000 : 60_000,
  );

  it('never runs an entry that was cut short, or that belongs to another module', async () => {
    await loadAndCall();
    const before = new Set(await entries());
    await using counter = await test.example('counter');
    expect((await counter.invoke('increment', [1])).value).toBe(1);
    const mine = [...before].find((name) => name.endsWith('.cwasm')) ?? '';
    const foreign = (await entries()).find((name) => name.endsWith('.cwasm') && !before.has(name)) ?? '';
    const intact = await readFile(mine);
    for (const content of [intact.subarray(0, intact.length - 1), Buffer.alloc(0), await readFile(foreign)]) {
      await chmod(mine, 0o600);
      await writeFile(mine, content);
      await chmod(mine, 0o400);
      expect((await during(loadAndCall)).hits).toBe(0);
    }
  });

  it('never runs an entry that another key authenticated', async () => {
    await loadAndCall();
    await chmod(join(test.cacheDirectory, 'mac.key'), 0o600);
    await writeFile(join(test.cacheDirectory, 'mac.key'), `${'5a'.repeat(32)}\n`);
    await using other = await wasmtime({ cacheDirectory: test.cacheDirectory });
    expect(
      (
        await during(async () => {
          await using adder = await other.load({ bytes: await readFile(exampleModule('adder').path) });
          expect(adder.invokeSync?.('add', [1, 2])).toBe(3);
        })
      ).hits,
    ).toBe(0);
  });
});
