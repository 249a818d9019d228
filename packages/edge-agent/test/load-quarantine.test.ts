import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LoadQuarantine } from '../src/modules/load-quarantine.ts';

let folder: string;
let nowMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotswap-quarantine-'));
  nowMs = Date.now();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (): LoadQuarantine => new LoadQuarantine(folder, () => nowMs);
/** A load that never ends is what a death leaves behind. */
const dieLoading = (quarantine: LoadQuarantine, releaseId: string): void =>
  void quarantine.watch(releaseId, () => new Promise(() => undefined));

async function dieOften(times: number, releaseId: string): Promise<void> {
  for (let death = 0; death < times; death++) {
    dieLoading(open(), releaseId);
    await Promise.resolve();
    await Promise.resolve();
  }
}

test('a load that ends leaves no mark, whether it succeeds or fails', async () => {
  await expect(open().watch('rel-a', () => Promise.resolve('loaded'))).resolves.toBe('loaded');
  await expect(open().watch('rel-b', () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(readdirSync(folder)).toEqual([]);
});

test('the third death in the same load is the last for an hour', async () => {
  await dieOften(2, 'rel-a');
  await expect(open().watch('rel-b', () => Promise.resolve('another'))).resolves.toBe('another');
  await dieOften(1, 'rel-a');
  const quarantine = open();
  await expect(quarantine.watch('rel-a', () => Promise.resolve('loaded'))).rejects.toMatchObject({
    code: 'HS_AGENT_RELEASE_QUARANTINED',
    details: { releaseId: 'rel-a', deaths: 3 },
    retryable: false,
  });
  nowMs += 3_700_000;
  await expect(quarantine.watch('rel-a', () => Promise.resolve('loaded'))).resolves.toBe('loaded');
  expect(readdirSync(folder)).toEqual([]);
});

test('releases that were being loaded together are loaded one at a time, so that the next death names one', async () => {
  const first = open();
  for (const releaseId of ['rel-a', 'rel-b', 'rel-c']) dieLoading(first, releaseId);
  expect(readdirSync(folder).sort()).toEqual(['rel-a', 'rel-b', 'rel-c']);
  const second = open();
  const running = new Set<string>();
  let most = 0;
  const load = (releaseId: string): Promise<void> =>
    second.watch(releaseId, async () => {
      running.add(releaseId);
      most = Math.max(most, running.size);
      await new Promise((resolve) => setImmediate(resolve));
      running.delete(releaseId);
    });
  await Promise.all(['rel-a', 'rel-b', 'rel-c'].map(load));
  expect(most).toBe(1);
});

test('a load that fails in an orderly way lets the next suspect have its turn', async () => {
  const first = open();
  for (const releaseId of ['rel-a', 'rel-b']) dieLoading(first, releaseId);
  const second = open();
  const failed = second.watch('rel-a', () => Promise.reject(new Error('refused')));
  const loaded = second.watch('rel-b', () => Promise.resolve('loaded'));
  await expect(failed).rejects.toThrow('refused');
  await expect(loaded).resolves.toBe('loaded');
});

test('ids never name a file outside the folder, and marks of yesterday are thrown away', async () => {
  dieLoading(open(), '../escape/..');
  expect(readdirSync(folder)).toHaveLength(1);
  nowMs += 86_500_000;
  await expect(open().watch('../escape/..', () => Promise.resolve(1))).resolves.toBe(1);
  expect(readdirSync(folder)).toEqual([]);
});

test('a disk that takes no mark keeps no release from being loaded', async () => {
  const quarantine = open();
  // Nothing can be written into a folder that is not there, whoever the user of the agent is.
  rmSync(folder, { recursive: true });
  await expect(quarantine.watch('rel-a', () => Promise.resolve('loaded'))).resolves.toBe('loaded');
  await expect(quarantine.watch('rel-b', () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
});
