import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HotSwapError, type Advance, type Scheduler } from '@hotswap/core';
import { RolloutLoop } from '../src/loops/rollout-loop.ts';

describe('RolloutLoop', () => {
  let now: number;
  let answers: (() => Promise<Advance>)[];
  let advanced: string[];
  let errors: string[];
  let wake: Parameters<Scheduler['start']>[0];
  let loop: RolloutLoop;
  const idle: Advance = { kind: 'idle', status: 'Completed' };

  beforeEach(async () => {
    vi.useFakeTimers();
    now = 1_000_000;
    answers = [];
    advanced = [];
    errors = [];
    loop = new RolloutLoop({
      clock: { now: () => now },
      engine: {
        advance: (_tenant, id) => {
          advanced.push(id);
          return answers.shift()?.() ?? Promise.resolve(idle);
        },
      },
      scheduler: {
        start: (onWake) => {
          wake = onWake;
          return Promise.resolve();
        },
        wake: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      onError: (_error, id) => errors.push(id),
    });
    await loop.start();
  });

  afterEach(async () => {
    await loop.stop();
    vi.useRealTimers();
  });

  const blocked = (wakeAt?: number): (() => Promise<Advance>) => {
    return () =>
      Promise.resolve({ kind: 'blocked', status: 'InProgress', ...(wakeAt === undefined ? {} : { wakeAt }) });
  };

  it('looks at once after the first nudge and together after those of the next 50 ms', async () => {
    answers = [blocked(), blocked(), blocked()];
    loop.nudge('default', 'a');
    await vi.advanceTimersByTimeAsync(0);
    expect(advanced).toEqual(['a']);
    for (let i = 0; i < 20; i++) loop.nudge('default', 'a');
    await vi.advanceTimersByTimeAsync(40);
    expect(advanced).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(20);
    expect(advanced).toEqual(['a', 'a']);
  });

  it('does not run twice at the same time, and looks again when something happened meanwhile', async () => {
    let end: (result: Advance) => void = () => undefined;
    answers = [() => new Promise((resolve) => (end = resolve)), blocked()];
    loop.nudge('default', 'a');
    await vi.advanceTimersByTimeAsync(0);
    loop.nudge('default', 'a');
    void wake({ tenant: 'default', deploymentId: 'a' });
    await vi.advanceTimersByTimeAsync(500);
    expect(advanced).toEqual(['a']);
    end({ kind: 'blocked', status: 'InProgress' });
    await vi.advanceTimersByTimeAsync(60);
    expect(advanced).toEqual(['a', 'a']);
  });

  it('wakes when the engine asked for it, and keeps the earlier of two times', async () => {
    answers = [blocked(now + 300), blocked(now + 5_000)];
    loop.nudge('default', 'a');
    await vi.advanceTimersByTimeAsync(299);
    expect(advanced).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(advanced).toHaveLength(2);
    loop.nudge('default', 'a');
    await vi.advanceTimersByTimeAsync(60);
    expect(advanced).toHaveLength(3);
  });

  it('drives deployments apart from each other', async () => {
    answers = [() => new Promise(() => undefined), blocked()];
    loop.nudge('default', 'stuck');
    loop.nudge('default', 'other');
    await vi.advanceTimersByTimeAsync(1);
    expect(advanced).toEqual(['stuck', 'other']);
    answers = [];
    vi.useRealTimers();
    loop = new RolloutLoop({
      clock: { now: () => 0 },
      engine: { advance: () => Promise.resolve(idle) },
      scheduler: {
        start: () => Promise.resolve(),
        wake: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      onError: () => undefined,
    });
  });

  it('tries again soon after another server was faster, without calling it an error', async () => {
    const conflict = new HotSwapError('HS_JOURNAL_CONFLICT', { message: '', httpStatus: 409 }, {});
    answers = [() => Promise.reject(conflict), blocked()];
    loop.nudge('default', 'a');
    await vi.advanceTimersByTimeAsync(60);
    expect([advanced.length, errors]).toEqual([2, []]);
  });

  it('tries again with growing pauses after failures, and lets durable wakes fail', async () => {
    const failure = (): Promise<Advance> =>
      Promise.reject(new HotSwapError('HS_STORE_UNAVAILABLE', { message: '', httpStatus: 503 }, {}));
    answers = [failure, failure, failure, blocked()];
    await expect(wake({ tenant: 'default', deploymentId: 'a' })).rejects.toMatchObject({
      code: 'HS_STORE_UNAVAILABLE',
    });
    await vi.advanceTimersByTimeAsync(200);
    expect(advanced).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(399);
    expect(advanced).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([advanced.length, errors]).toEqual([4, ['a', 'a', 'a']]);
  });

  it('forgets a deployment that is not there, and takes nothing up once it is stopped', async () => {
    answers = [() => Promise.reject(new HotSwapError('HS_DEPLOYMENT_NOT_FOUND', { message: '', httpStatus: 404 }, {}))];
    await wake({ tenant: 'default', deploymentId: 'gone' });
    expect(errors).toEqual([]);
    await loop.stop();
    loop.nudge('default', 'late');
    await wake({ tenant: 'default', deploymentId: 'late' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(advanced).toEqual(['gone']);
  });
});
