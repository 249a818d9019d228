import { describe, expect, it } from 'vitest';
import {
  defaultAutoRollback,
  defaultHealthCheck,
  deepFreeze,
  type DeploymentSpec,
  type JournalEvent,
} from '../src/index.ts';
import { absentState, activeTimes, apply, hasChanged, type RolloutState } from '../src/rollout/rollout-state.ts';

const spec: DeploymentSpec = {
  tenant: 'default',
  deploymentId: 'd',
  moduleName: 'greeter',
  moduleId: 'greeter-v2',
  releaseId: 'v2',
  strategy: 'Canary',
  config: {},
  regions: null,
  healthCheck: defaultHealthCheck,
  autoRollback: defaultAutoRollback,
  progressDeadline: 'PT30M',
  retention: 'PT1H',
  author: 'alice',
};
const executed: JournalEvent = {
  type: 'executed',
  strategyVersions: { Canary: 1 },
  effectSetVersion: 1,
  targets: ['a', 'b', 'c', 'd'],
  regions: {},
  baseline: [],
  routerSpansNodes: true,
  epoch: 1,
};
const began = (step: number, effect: object): JournalEvent => ({
  type: 'began',
  step,
  effect: { version: 1, ...effect } as never,
});
const ended = (step: number, value: null | object = null): JournalEvent => ({
  type: 'ended',
  step,
  result: { ok: true, value: value as never },
});

/** Folds events that happen a second apart, over states that nobody can write to. */
function fold(...events: readonly JournalEvent[]): RolloutState {
  return [{ type: 'created', spec, specHash: 'x' } as JournalEvent, ...events].reduce<RolloutState>(
    (state, event, seq) => deepFreeze(apply(state, { ...event, seq, at: seq * 1_000, actor: 'test' })),
    absentState,
  );
}

describe('the fold', () => {
  it('leaves the state that it is given as it was', () => {
    const before = JSON.stringify(absentState);
    fold(executed, began(0, { kind: 'deploy', input: { nodes: [[0, 2]] } }), ended(0));
    expect(JSON.stringify(absentState)).toBe(before);
  });

  it('refuses an entry type that it does not know, and one that is not the next', () => {
    expect(() => apply(absentState, { type: 'teleported', seq: 0, at: 0, actor: 'x' } as never)).toThrow(
      expect.objectContaining({ code: 'HS_JOURNAL_UNKNOWN_ENTRY' }),
    );
    expect(() => apply(absentState, { type: 'toString', seq: 0, at: 0, actor: 'x' } as never)).toThrow(
      expect.objectContaining({ code: 'HS_JOURNAL_UNKNOWN_ENTRY' }),
    );
    expect(() => apply(absentState, { type: 'freed', seq: 1, at: 0, actor: 'x' })).toThrow(
      expect.objectContaining({ code: 'HS_JOURNAL_CORRUPT' }),
    );
  });

  it('knows which nodes have the release', () => {
    const state = fold(
      executed,
      began(0, { kind: 'deploy', input: { nodes: [[0, 3]] } }),
      ended(0),
      began(1, { kind: 'deploy', input: { nodes: [[3, 4]], releaseId: 'other' } }),
      ended(1),
      began(2, { kind: 'restore', input: { nodes: [[1, 2]], reason: 'x' } }),
      ended(2),
    );
    expect([state.deployed, state.changed]).toEqual([
      [
        [0, 1],
        [2, 3],
      ],
      true,
    ]);
  });

  it('has changed nothing once the copy that a mirror asked is gone again', () => {
    const copied = began(0, { kind: 'deploy', input: { nodes: [[0, 2]], releaseId: 'copy' } });
    const retire = (step: number, to: number) =>
      began(step, { kind: 'retire', input: { nodes: [[0, to]], releaseId: 'copy' } });
    expect(hasChanged(fold(executed, copied))).toBe(true);
    expect(hasChanged(fold(executed, copied, ended(0), retire(1, 1), ended(1)))).toBe(true);
    expect(hasChanged(fold(executed, copied, ended(0), retire(1, 2), ended(1)))).toBe(false);
    expect(hasChanged(fold(executed, copied, ended(0), retire(1, 3), ended(1)))).toBe(true);
    const baseline = [{ nodes: [[0, 4]], releases: [{ releaseId: 'copy', weight: 100 }] }] as const;
    expect(hasChanged(fold({ ...executed, baseline }, copied, ended(0), retire(1, 2), ended(1)))).toBe(true);
    const own = began(0, { kind: 'deploy', input: { nodes: [[0, 2]] } });
    const ownGone = began(1, { kind: 'retire', input: { nodes: [[0, 2]] } });
    expect(hasChanged(fold(executed, own, ended(0), ownGone, ended(1)))).toBe(true);
    const restored = began(1, { kind: 'restore', input: { nodes: [[0, 4]], reason: 'x' } });
    expect(hasChanged(fold(executed, copied, ended(0), restored, ended(1)))).toBe(false);
  });

  it('never takes progress back, and keeps the stage', () => {
    const state = fold(
      executed,
      began(0, { kind: 'progress', input: { percent: 50, stage: '50%' } }),
      ended(0),
      began(1, { kind: 'progress', input: { percent: 20 } }),
      ended(1),
    );
    expect([state.progressPercent, state.stage]).toEqual([50, '50%']);
  });

  it('counts active time without what was held, since the start and since the last move', () => {
    const state = fold(
      executed,
      began(0, { kind: 'wait', input: { forMs: 60_000, reason: 'x' } }), // at 2 s
      { type: 'held', why: 'person', detail: 'lunch' }, // 3 s
      { type: 'freed' }, // 4 s
      { type: 'moved', step: 0, cursor: 5 }, // 5 s
      { type: 'held', why: 'person', detail: 'tea' }, // 6 s
      { type: 'freed' }, // 7 s
    );
    expect(activeTimes(state, 10_000)).toEqual({ activeMs: 6_000, sinceMoveMs: 4_000 });
  });

  it('keeps the clock where it was while it is held', () => {
    const state = fold(executed, began(0, { kind: 'wait', input: { forMs: 60_000, reason: 'x' } }), {
      type: 'held',
      why: 'stuck',
      detail: 'x',
    });
    expect(activeTimes(state, 9_999_999)).toEqual({ activeMs: 1_000, sinceMoveMs: 1_000 });
  });

  it('stays paused when a strategy asks while a person has paused it', () => {
    const asking = began(0, { kind: 'pause', input: { reason: 'promote?', accepts: ['promote'] } });
    expect(fold(executed, asking).status).toBe('Paused');
    expect(fold(executed, asking, { type: 'held', why: 'person', detail: 'x' }, { type: 'freed' })).toMatchObject({
      status: 'Paused',
      reason: 'promote?',
    });
    expect(fold(executed, asking, ended(0, { command: 'promote' }))).toMatchObject({
      status: 'InProgress',
      reason: null,
    });
  });

  it('runs several retentions one after the other, the shortest first', () => {
    const state = fold(executed, {
      type: 'turned',
      to: 'retention',
      reason: 'done',
      outcome: {
        status: 'Completed',
        retain: [
          { forMs: 900, retire: [[0, 1]] },
          { forMs: 100, retire: [[1, 2]] },
        ],
      },
    });
    expect(state.retentions).toEqual([
      { forMs: 100, retire: [[1, 2]] },
      { forMs: 800, retire: [[0, 1]] },
    ]);
    expect(state.retainedUntil).toBe(2_900);
  });

  it('shows the share that succeeded of a partial end', () => {
    const state = fold(executed, {
      type: 'turned',
      to: 'retention',
      reason: 'partly',
      outcome: { status: 'PartiallyCompleted', failed: [[3, 4]] },
    });
    expect([state.status, state.progressPercent]).toEqual(['PartiallyCompleted', 75]);
  });

  it('counts trigger samples per part of the rollout, and anew after part of it is restored', () => {
    const shift = (step: number, scope?: readonly (readonly [number, number])[]): readonly JournalEvent[] => [
      began(step, {
        kind: 'shiftTraffic',
        input: { percent: 10, to: [[0, 1]], among: [[0, 2]] },
        ...(scope ? { scope } : {}),
      }),
      ended(step, { revision: step }),
    ];
    const state = fold(executed, ...shift(0, [[0, 2]]), ...shift(1, [[2, 4]]));
    expect(state.traffic).toEqual([
      { nodes: [[0, 2]], since: 3_000 },
      { nodes: [[2, 4]], since: 5_000 },
    ]);
    const restored = fold(
      executed,
      ...shift(0, [[0, 2]]),
      ...shift(1, [[2, 4]]),
      began(2, {
        kind: 'restore',
        input: {
          nodes: [
            [0, 2],
            [3, 4],
          ],
          reason: 'x',
        },
      }),
      ended(2),
    );
    expect(restored.traffic).toEqual([{ nodes: [[2, 4]], since: 7_000 }]);
  });
});
