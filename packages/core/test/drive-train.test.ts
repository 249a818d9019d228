import { describe, expect, it } from 'vitest';
import {
  driveTrain,
  hotSwapError,
  type DeploymentStatus,
  type HotSwapError,
  type Train,
  type TrainDriveParts,
} from '@hotswap/core';

const deploymentId = 'train-1-b';
const refusals: Readonly<Record<string, HotSwapError>> = {
  missing: hotSwapError('HS_DEPLOYMENT_APPROVALS_MISSING', { deploymentId, required: 2, given: 0, by: 'nobody' }),
  'ended in its hour': hotSwapError('HS_DEPLOYMENT_APPROVAL_EXPIRED', { deploymentId, by: 'ada', expiresAt: 'noon' }),
  'of something else': hotSwapError('HS_DEPLOYMENT_APPROVAL_VOID', { deploymentId, what: 'the release' }),
  'of others': hotSwapError('HS_AUTH_NOT_APPROVER', { subject: 'bob', deploymentId }),
  'by its author': hotSwapError('HS_AUTH_SELF_APPROVAL', { subject: 'bob', deploymentId }),
};

/** A train of two, the first of which is completed; looked at as often as a test says. */
class Driven {
  row: Train = {
    ...{ tenant: 'default', trainId: 'train-1', author: 'dev', actor: 'bob', order: 'given', reason: null },
    ...{ intent: 'forward', status: 'InProgress', backEnd: 'RolledBack', revision: 1, createdAt: 0, updatedAt: 0 },
    members: [],
  };
  readonly commands: string[] = [];
  readonly turns: string[] = [];
  readonly members: [DeploymentStatus, DeploymentStatus] = ['Completed', 'PendingApproval'];
  refusal: HotSwapError | null = null;

  async look(): Promise<void> {
    const parts: TrainDriveParts = {
      members: () =>
        Promise.resolve(
          this.members.map((status, n) => ({ deploymentId: `train-1-${'ab'.charAt(n)}`, status, isRetained: n === 0 })),
        ),
      update: (_read, change) => {
        this.row = { ...this.row, ...change };
        this.turns.push(this.row.status);
        return Promise.resolve(this.row);
      },
      command: (_train, id, command) => {
        this.commands.push(`${command} ${id}`);
        if (command === 'execute' && this.refusal !== null) return Promise.reject(this.refusal);
        const status = { execute: 'InProgress', abort: 'Cancelled', rollback: 'RolledBack' } as const;
        this.members[id === deploymentId ? 1 : 0] = status[command];
        return Promise.resolve();
      },
      now: () => 0,
    };
    await driveTrain(parts, this.row);
  }
}

describe('a train that has ended', () => {
  it.each(['RolledBack', 'Cancelled', 'Failed'] as const)('as %s calls members off that came late', async (status) => {
    const driven = new Driven();
    driven.row = { ...driven.row, intent: 'back', status, reason: 'its server was lost' };
    driven.members[0] = 'Pending';
    await driven.look();
    expect([driven.commands, driven.members]).toEqual([
      [`abort ${deploymentId}`, 'abort train-1-a'],
      ['Cancelled', 'Cancelled'],
    ]);
    await driven.look();
    expect([driven.commands.length, driven.turns]).toEqual([2, []]);
  });
});

describe('a train whose next member is not approved', () => {
  it.each(Object.keys(refusals))('waits for an approval that is %s, and goes on once it is there', async (which) => {
    const driven = new Driven();
    const refusal = refusals[which] as HotSwapError;
    driven.refusal = refusal;
    for (let looks = 0; looks < 3; looks++) await driven.look();
    expect(driven.row).toMatchObject({ intent: 'forward', status: 'Paused' });
    expect(driven.row.reason).toBe(`${deploymentId} cannot begin yet: ${refusal.message}`);
    expect([driven.turns, driven.members]).toEqual([['Paused'], ['Completed', 'PendingApproval']]);
    expect(driven.commands).toEqual(Array.from({ length: 3 }, () => `execute ${deploymentId}`));

    driven.refusal = null;
    await driven.look();
    expect([driven.turns, driven.row.reason]).toEqual([['Paused', 'InProgress'], null]);
    driven.members[1] = 'Completed';
    await driven.look();
    expect(driven.row.status).toBe('Completed');
  });

  it('still goes back as a whole when it cannot begin for another reason', async () => {
    const driven = new Driven();
    driven.refusal = hotSwapError('HS_DEPLOYMENT_NO_TARGETS', { moduleName: 'b', why: 'there is none' });
    await driven.look();
    expect(driven.commands).toEqual([`execute ${deploymentId}`, `abort ${deploymentId}`, 'rollback train-1-a']);
    expect(driven.row.status).toBe('RolledBack');
  });
});
