import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AppliedStateFile,
  formatAppliedState,
  parseAppliedState,
  type AppliedState,
} from '../src/modules/applied-state.ts';
import { RecordingEvents, desiredModule, desiredRelease, nodeId } from './node-fixture.ts';

const state: AppliedState = {
  nodeId,
  generation: 7,
  heartbeatIntervalMs: 30_000,
  modules: [
    {
      desired: desiredModule(
        'greeter',
        3,
        desiredRelease({ releaseId: 'rel-ü', digest: 'a'.repeat(64), sizeBytes: 3, weight: 100 }),
      ),
    },
  ],
  epochs: { greeter: 3, gone: 9 },
};

describe('AppliedStateFile', () => {
  let folder: string;
  let path: string;
  let events: RecordingEvents;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-applied-'));
    path = join(folder, 'applied-state');
    events = new RecordingEvents();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('reads what it has written', async () => {
    const file = new AppliedStateFile(path, events);
    await file.write(state);
    expect(await file.read(nodeId)).toEqual(state);
    expect(events.events).toEqual([]);
  });

  it('says nothing when there is no file yet', async () => {
    expect(await new AppliedStateFile(path, events).read(nodeId)).toBeUndefined();
    expect(events.events).toEqual([]);
  });

  it('ignores the state of another node with an event', async () => {
    const file = new AppliedStateFile(path, events);
    await file.write({ ...state, nodeId: 'edge-2' });
    expect(await file.read(nodeId)).toBeUndefined();
    expect(events.topics()).toEqual(['agent.applied-state-ignored']);
  });

  it('coalesces writes, ends with the latest and leaves no temporary file', async () => {
    const file = new AppliedStateFile(path, events);
    await Promise.all(Array.from({ length: 50 }, (_, generation) => file.write({ ...state, generation })));
    expect((await file.read(nodeId))?.generation).toBe(49);
    expect(await readdir(folder)).toEqual(['applied-state']);
  });

  it('ignores 1,000 truncated or damaged files, each with an event', async () => {
    const whole = Buffer.from(formatAppliedState(state));
    const file = new AppliedStateFile(path, events);
    const truncated = fc.nat({ max: whole.length - 1 }).map((length) => whole.subarray(0, length));
    const flipped = fc.tuple(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
      const copy = Buffer.from(whole);
      copy[at] = (copy[at] ?? 0) ^ bits;
      return copy;
    });
    const garbage = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes));
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(truncated, flipped, garbage), async (content) => {
        await writeFile(path, content);
        expect(await file.read(nodeId)).toBeUndefined();
        expect(events.events).toHaveLength(++runs);
      }),
      { numRuns: 1_000, endOnFailure: true },
    );
  });

  it('ignores a format that it does not know', () => {
    const text = formatAppliedState(state).split('\n')[1] ?? '';
    expect(text).toContain('"format":1');
    expect(parseAppliedState(Buffer.from(formatAppliedState(state)))).toEqual(state);
    expect(parseAppliedState(Buffer.from(formatAppliedState({ ...state, format: 2 } as AppliedState)))).toBeUndefined();
  });

  it('is readable by its user alone', async () => {
    await new AppliedStateFile(path, events).write(state);
    expect((await readFile(path)).byteLength).toBeGreaterThan(0);
    const { mode } = await import('node:fs/promises').then(({ stat }) => stat(path));
    expect(mode & 0o777).toBe(0o600);
  });
});
