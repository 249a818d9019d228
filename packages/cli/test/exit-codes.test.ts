import { describe, expect, it } from 'vitest';
import { deploymentStatuses } from '@hotswap/core';
import { exitCodeOfStatus, exitCodes } from '@hotswap/cli';

describe('exitCodeOfStatus', () => {
  it('is 0 for Completed and for no other status', () => {
    expect(deploymentStatuses.filter((status) => exitCodeOfStatus(status) === exitCodes.ok)).toEqual(['Completed']);
  });

  it('tells a deployment that waits for a person from one that failed', () => {
    expect(exitCodeOfStatus('Paused')).toBe(exitCodes.paused);
    expect(exitCodeOfStatus('RolledBack')).toBe(exitCodes.deploymentFailed);
    expect(exitCodeOfStatus('PartiallyCompleted')).toBe(exitCodes.deploymentFailed);
  });
});
