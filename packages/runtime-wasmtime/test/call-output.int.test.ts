import { buildExampleModules } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, testHost } from './test-host.ts';

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('utf8');

describe('what a call of a function writes', () => {
  let test: TestHost;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  it('is in its result, by stream, and in no result of a call that writes nothing', async () => {
    await using module = await test.example('talker-1.0.0');
    const said = await module.invoke('say', [2]);
    expect([said.value, text(said.stdout), said.stderr]).toEqual([2, 'line 0000000\nline 0000001\n', undefined]);
    expect(text((await module.invoke('complain', [])).stderr)).toBe('trouble\n');
    const silent = await module.invoke('say', [0]);
    expect(Object.keys(silent).sort()).toEqual(['durationMs', 'value']);
  });

  it('is its own where calls run at one time', async () => {
    await using module = await test.example('talker-1.0.0');
    const counts = Array.from({ length: 40 }, (_, at) => at % 7);
    const results = await Promise.all(counts.map((count) => module.invoke('say', [count])));
    expect(results.map(({ stdout }) => text(stdout)?.split('\n').length ?? 1)).toEqual(
      counts.map((count) => count + 1),
    );
  });

  it('comes with the fuel where that is metered', async () => {
    await using module = await test.example('talker-1.0.0', { runtime: { fuel: 1_000_000 } });
    expect(await module.invoke('say', [1])).toMatchObject({ fuelUsed: expect.any(Number) as number });
    expect(text((await module.invoke('say', [1])).stdout)).toBe('line 0000000\n');
  });

  it('is counted where it is more than is kept, also when nothing of it is', async () => {
    await using module = await test.example('talker-1.0.0', { maxLogBytesPerSecond: 26 });
    const said = await module.invoke('say', [1_000]);
    const kept = said.stdout?.byteLength ?? 0;
    expect(kept).toBeGreaterThanOrEqual(26);
    expect(kept + (said.droppedBytes ?? 0)).toBe(13_000);
    const again = await module.invoke('say', [1]);
    expect((again.stdout?.byteLength ?? 0) + (again.droppedBytes ?? 0)).toBe(13);
  });
});
