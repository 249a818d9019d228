import { describe, expect, it } from 'vitest';
import { commandTrain, explainTrain, type MemberState, type Train } from '@hotswap/core';

const train = (change: Partial<Train> = {}): Train => ({
  tenant: 'default',
  trainId: 'train-1',
  author: 'alice',
  intent: 'wait',
  status: 'Pending',
  members: [],
  order: 'interfaces',
  actor: 'alice',
  reason: null,
  backEnd: 'Cancelled',
  revision: 0,
  createdAt: 0,
  updatedAt: 0,
  ...change,
});
const completed = (isRetained: boolean): MemberState => ({ deploymentId: 'd', status: 'Completed', isRetained });
const bob = { actor: 'bob' };

describe('what people tell a train', () => {
  it('sends it on its way once', () => {
    expect(commandTrain(train(), [], 'execute', bob)).toEqual({
      change: { intent: 'forward', status: 'InProgress', actor: 'bob' },
    });
    expect(commandTrain(train({ intent: 'forward' }), [], 'execute', bob)).toEqual({ change: null });
    expect(commandTrain(train({ intent: 'back' }), [], 'execute', bob)).toHaveProperty('refused');
    expect(commandTrain(train({ intent: 'assemble' }), [], 'abort', bob)).toHaveProperty('refused');
  });

  it('takes it back: cancelled when it has not begun or is given up, rolled back otherwise', () => {
    const end = (intent: Train['intent'], command: 'abort' | 'rollback') =>
      commandTrain(train({ intent }), [], command, bob);
    expect(end('wait', 'rollback')).toMatchObject({ change: { intent: 'back', backEnd: 'Cancelled' } });
    expect(end('forward', 'abort')).toMatchObject({ change: { backEnd: 'Cancelled', reason: 'Aborted by bob' } });
    expect(end('forward', 'rollback')).toMatchObject({ change: { backEnd: 'RolledBack', actor: 'bob' } });
    expect(end('back', 'rollback')).toEqual({ change: null });
  });

  it('takes a completed one back as a whole or not at all', () => {
    const done = train({ intent: 'forward', status: 'Completed' });
    expect(commandTrain(done, [completed(true)], 'rollback', { ...bob, reason: 'late' })).toMatchObject({
      change: { status: 'RollingBack', reason: 'late' },
    });
    expect(commandTrain(done, [completed(true), completed(false)], 'rollback', bob)).toEqual({
      refused: 'what d replaced has been retired',
    });
    expect(commandTrain(done, [completed(true)], 'abort', bob)).toHaveProperty('refused');
  });
});

describe('what became of a train', () => {
  it('is a sentence for each change that matters', () => {
    const forward = train({ intent: 'forward', status: 'InProgress' });
    expect(explainTrain(train(), forward)).toContain('begins');
    expect(explainTrain(forward, { ...forward, status: 'Paused', reason: 'lunch' })).toBe('The train waits: lunch.');
    expect(explainTrain(forward, { ...forward, intent: 'back', reason: 'd failed' })).toContain('turns back: d failed');
    expect(explainTrain(forward, { ...forward, status: 'Completed' })).toContain('completed');
    expect(explainTrain(forward, { ...forward, actor: 'eve' })).toBeNull();
  });
});
