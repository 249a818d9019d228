import { readFile } from 'node:fs/promises';
import process from 'node:process';
import type { LoadedModule, RuntimeHost } from '@hotswap/core';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const full = process.env['HOTSWAP_TEST_FULL'] === '1';
const loads = full ? 10_000 : 4_000;
const warmUp = loads / 4;
/** A module that is not let go of keeps 27 kB at least (measured): what is loaded after the warm-up would be 80 MB. */
const slackBytes = 40 * 1_048_576;

/** The same module as often as one likes: the number makes other bytes of it, which no cache knows. */
function variant(bytes: Uint8Array, number: number): Uint8Array {
  const custom = [0, 6, 1, 0x76, number & 255, (number >> 8) & 255, (number >> 16) & 255, (number >> 24) & 255];
  const out = new Uint8Array(bytes.length + custom.length);
  out.set(bytes);
  out.set(custom, bytes.length);
  return out;
}

describe('memory', () => {
  let host: RuntimeHost;
  let bytes: Uint8Array;
  beforeAll(async () => {
    await buildExampleModules();
    host = await wasmtime({ cacheDirectory: false });
    bytes = await readFile(exampleModule('adder').path);
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  it(`is flat over ${loads} loads and unloads`, { timeout: full ? 600_000 : 120_000 }, async () => {
    let before = 0;
    for (let i = 0; i < loads; i += 1) {
      if (i === warmUp) before = process.memoryUsage().rss;
      await using module = await host.load({ bytes: variant(bytes, i) });
      if (i % 100 === 0) expect((await module.invoke('add', [i, 1])).value).toBe(i + 1);
    }
    const grown = process.memoryUsage().rss - before;
    process.stdout.write(
      `${loads} loads and unloads: RSS grew by ${(grown / 1_048_576).toFixed(1)} MB after the first ${warmUp}\n`,
    );
    expect(grown).toBeLessThan(slackBytes);
  });

  it('is flat over 500 reloads of a slot under load, of which no call fails', { timeout: 120_000 }, async () => {
    const slots = host.createSlotTable();
    const load = async (number: number): Promise<LoadedModule> => await host.load({ bytes: variant(bytes, number) });
    const serve = (version: string, module: LoadedModule): void =>
      slots.set('adder', { versions: new Map([[version, { module, weight: 1 }]]) });
    let current = await load(0);
    serve('v0', current);
    let [calls, busy] = [0, true];
    const failed: string[] = [];
    const caller = async (): Promise<void> => {
      while (busy) {
        calls += 1;
        const answer = await slots.invoke('adder', 'add', [calls, 1]).catch((error: unknown) => String(error));
        if (typeof answer === 'string') failed.push(answer);
        // Others have to come to their turn: reloads, timers, garbage.
        if (calls % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const callers = Array.from({ length: 16 }, caller);
    let before = 0;
    for (let reload = 1; reload <= 500; reload += 1) {
      const next = await load(reload);
      serve(`v${reload}`, next);
      const { cut } = await slots.drain(current, 5_000);
      expect(cut).toBe(0);
      await current[Symbol.asyncDispose]();
      current = next;
      if (reload === 150) before = process.memoryUsage().rss;
    }
    busy = false;
    await Promise.all(callers);
    const grown = process.memoryUsage().rss - before;
    process.stdout.write(
      `500 reloads under ${calls} calls: RSS grew by ${(grown / 1_048_576).toFixed(1)} MB after the first 150\n`,
    );
    expect(failed).toEqual([]);
    expect(calls).toBeGreaterThan(1_000);
    expect(grown).toBeLessThan(slackBytes);
    slots.remove('adder');
    await current[Symbol.asyncDispose]();
  });
});
