import type { JournalEntry } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { mayHaveEnded, readEndedDeployment } from '../src/telemetry/ended-deployment.ts';

/** Entries with the time and place that they would have; only what is read here is filled in. */
function journal(...events: readonly object[]): JournalEntry[] {
  return events.map((event, seq) => ({ seq, at: seq * 1_000, actor: 'a', ...event }) as unknown as JournalEntry);
}
const created = {
  type: 'created',
  spec: { deploymentId: 'd', moduleName: 'm', moduleId: 'm-v1.0.0', releaseId: 'r', strategy: 'Canary' },
};
const executed = { type: 'executed' };
const began = (step: number, kind: string) => ({ type: 'began', step, effect: { kind } });
const ended = (step: number, ok = true) => ({
  type: 'ended',
  step,
  result: ok ? { ok: true, value: null } : { ok: false, failure: { message: 'it broke' } },
});
const retained = { type: 'turned', to: 'retention', reason: 'done', outcome: { status: 'Completed' } };
const turnedBack = { type: 'turned', to: 'rollback', reason: 'errors' };
const closed = (status: string) => ({ type: 'closed', status, reason: 'so it is' });

describe('readEndedDeployment', () => {
  it('has the steps of a rollout that was completed, with their times', () => {
    const entries = journal(
      created,
      executed,
      began(0, 'deploy'),
      ended(0),
      began(1, 'shiftTraffic'),
      ended(1),
      retained,
    );
    expect(mayHaveEnded(entries.slice(-1))).toBe(true);
    expect(readEndedDeployment(entries)).toMatchObject({
      ...{ strategy: 'Canary', status: 'Completed', isFailure: false, beganAt: 1_000, endedAt: 6_000 },
      steps: [
        { step: 0, kind: 'deploy', beganAt: 2_000, endedAt: 3_000 },
        { step: 1, kind: 'shiftTraffic', beganAt: 4_000, endedAt: 5_000 },
      ],
    });
  });

  it('calls a way back a failure unless somebody asked for it', () => {
    const steps = [created, executed, began(0, 'deploy'), ended(0, false)];
    const back = [turnedBack, began(1, 'restore'), ended(1), closed('RolledBack')];
    expect(readEndedDeployment(journal(...steps, ...back))).toMatchObject({
      ...{ status: 'RolledBack', isFailure: true, reason: 'so it is' },
      steps: [{ failure: 'it broke' }, { kind: 'restore' }],
    });
    const asked = journal(...steps, { type: 'command', command: 'rollback' }, ...back);
    expect(readEndedDeployment(asked)).toMatchObject({ status: 'RolledBack', isFailure: false });
    expect(readEndedDeployment(journal(...steps, turnedBack, closed('Failed')))).toMatchObject({ isFailure: true });
  });

  it('has a rollback after the completion as one of its own', () => {
    const entries = journal(
      ...[created, executed, began(0, 'deploy'), ended(0), retained, began(1, 'retain')],
      ...[{ type: 'command', command: 'rollback' }, turnedBack, began(2, 'restore'), ended(2), closed('RolledBack')],
    );
    expect(readEndedDeployment(entries)).toMatchObject({
      ...{ status: 'RolledBack', isFailure: false, beganAt: 7_000, endedAt: 10_000 },
      steps: [{ step: 2, kind: 'restore' }],
    });
  });

  it('is null when a retention is over, and when nobody executed it', () => {
    const over = [created, executed, retained, began(0, 'retain'), ended(0), closed('Completed')];
    expect(readEndedDeployment(journal(...over))).toBeNull();
    expect(readEndedDeployment(journal(created, closed('Cancelled')))).toBeNull();
    expect(mayHaveEnded(journal(created, executed))).toBe(false);
  });
});
