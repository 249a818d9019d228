import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { decideTrain, deploymentStatuses, type DeploymentStatus, type MemberState, type Train } from '@hotswap/core';

const train = (change: Partial<Train> = {}): Train => ({
  tenant: 'default',
  trainId: 'train-1',
  author: 'alice',
  intent: 'forward',
  status: 'InProgress',
  members: [],
  order: 'interfaces',
  actor: 'bob',
  reason: null,
  backEnd: 'RolledBack',
  revision: 0,
  createdAt: 0,
  updatedAt: 0,
  ...change,
});

/** Members in the order in which they go; those that are completed keep what they replaced. */
const members = (...statuses: readonly (DeploymentStatus | null)[]): readonly MemberState[] =>
  statuses.map((status, n) => ({
    deploymentId: `d${n}`,
    status,
    isRetained: status === 'Completed' || status === 'PartiallyCompleted',
  }));
const decide = (change: Partial<Train>, ...statuses: readonly (DeploymentStatus | null)[]) =>
  decideTrain(train(change), members(...statuses));

describe('a train with a member that failed before it changed anything', () => {
  const failed = { deploymentId: 'd1', status: 'Failed', isRetained: false, changedNothing: true } as const;
  const back = (of: Partial<Train>, before: DeploymentStatus, after: DeploymentStatus) =>
    decideTrain(train({ intent: 'back', status: 'RollingBack', reason: 'd1 is Failed: no room', ...of }), [
      ...members(before).slice(0, 1),
      failed,
      { deploymentId: 'd2', status: after, isRetained: false },
    ]);

  it('is rolled back when another one has been', () => {
    expect(back({}, 'RolledBack', 'Cancelled').change).toEqual({ status: 'RolledBack' });
  });

  it('has failed when none was, for the same reason and no other', () => {
    expect(back({}, 'Cancelled', 'Cancelled').change).toEqual({ status: 'Failed' });
    expect(back({ backEnd: 'Cancelled' }, 'Cancelled', 'Cancelled').change).toEqual({ status: 'Cancelled' });
  });

  it('names one beside it that could not be brought back', () => {
    expect(back({}, 'Failed', 'Cancelled').change).toEqual({
      status: 'Failed',
      reason: 'd1 is Failed: no room; d0 could not be brought back',
    });
  });
});

describe('a train that goes forward', () => {
  it('executes one member after the other, each when the one before is completed', () => {
    expect(decide({}, 'Pending', 'Pending').command).toEqual({ deploymentId: 'd0', name: 'execute' });
    expect(decide({}, 'InProgress', 'Pending')).toEqual({ change: { status: 'InProgress', reason: null } });
    expect(decide({}, 'Completed', 'PendingApproval').command).toEqual({ deploymentId: 'd1', name: 'execute' });
    expect(decide({}, 'Completed', 'Completed')).toEqual({ change: { status: 'Completed', reason: null } });
  });

  it('is paused with its member, and says why', () => {
    expect(
      decideTrain(train(), [{ deploymentId: 'd0', status: 'Paused', reason: 'lunch', isRetained: false }]).change,
    ).toEqual({ status: 'Paused', reason: 'd0 is Paused: lunch' });
  });

  it.each(['RollingBack', 'RolledBack', 'Cancelled', 'Failed', 'PartiallyCompleted', null] as const)(
    'turns back when a member is %s',
    (status) => {
      expect(decide({}, 'Completed', status, 'Pending')).toEqual({
        change: {
          intent: 'back',
          status: 'RollingBack',
          backEnd: 'RolledBack',
          reason: `d1 is ${status ?? 'not there'}`,
        },
      });
    },
  );
});

describe('a train that goes back', () => {
  const back = { intent: 'back', status: 'RollingBack', reason: 'no' } as const;

  it('takes its members back from the last to the first, one at a time', () => {
    expect(decide(back, 'Completed', 'InProgress', 'Pending').command).toEqual({ deploymentId: 'd2', name: 'abort' });
    expect(decide(back, 'Completed', 'InProgress', 'Cancelled').command).toEqual({
      deploymentId: 'd1',
      name: 'rollback',
    });
    expect(decide(back, 'Completed', 'RollingBack', 'Cancelled').command).toBeUndefined();
    expect(decide(back, 'Completed', 'RolledBack', 'Cancelled').command).toEqual({
      deploymentId: 'd0',
      name: 'rollback',
    });
    expect(decide(back, 'RolledBack', 'RolledBack', 'Cancelled').change).toEqual({ status: 'RolledBack' });
  });

  it('brings everything else back around a member that cannot be, and ends as Failed', () => {
    expect(decide(back, 'Completed', 'Failed', 'Cancelled').command).toEqual({ deploymentId: 'd0', name: 'rollback' });
    expect(decide(back, 'RolledBack', 'Failed', 'Cancelled').change).toEqual({
      status: 'Failed',
      reason: 'no; d1 could not be brought back',
    });
  });
});

describe('a train that waits', () => {
  it('stays as it is until a deployment of it ends, which ends all', () => {
    expect(decide({ intent: 'wait', status: 'Pending' }, 'Pending', 'Pending')).toEqual({ change: {} });
    expect(decide({ intent: 'wait', status: 'Pending' }, 'Pending', 'Cancelled').change).toMatchObject({
      intent: 'back',
      backEnd: 'Cancelled',
    });
  });
});

describe('any train', () => {
  /** What a deployment may become by a command, or by itself. */
  const next: Readonly<Record<string, readonly DeploymentStatus[]>> = {
    execute: ['InProgress'],
    abort: ['Cancelled'],
    rollback: ['RollingBack'],
    Pending: ['Pending', 'Cancelled'],
    PendingApproval: ['PendingApproval'],
    InProgress: ['InProgress', 'Completed', 'RolledBack', 'Failed', 'PartiallyCompleted', 'Paused'],
    Paused: ['InProgress', 'RolledBack'],
    RollingBack: ['RolledBack', 'Failed'],
  };

  it('comes to an end with all members on one side, or says which are not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.nat(1_000), { minLength: 600, maxLength: 600 }),
        (size, dice) => {
          let state: DeploymentStatus[] = Array.from({ length: size }, () => 'Pending');
          let now = train();
          const isOver = (): boolean => ['Completed', 'RolledBack', 'Cancelled', 'Failed'].includes(now.status);
          for (const [turn, die] of dice.entries()) {
            if (isOver()) break;
            const { command, change } = decideTrain(now, members(...state));
            now = { ...now, ...change };
            state = state.map((status, n) => {
              const choices = command?.deploymentId === `d${n}` ? next[command.name] : (next[status] ?? [status]);
              return choices?.[(die + turn + n) % choices.length] ?? status;
            });
            expect(deploymentStatuses).toContain(now.status);
          }
          expect(isOver()).toBe(true);
          if (now.status === 'Completed') expect(new Set(state)).toEqual(new Set(['Completed']));
          if (now.status === 'RolledBack')
            expect(state.every((one) => one === 'RolledBack' || one === 'Cancelled')).toBe(true);
          if (now.status === 'Failed') expect(now.reason).toContain('could not be brought back');
        },
      ),
      { numRuns: 500 },
    );
  });
});
