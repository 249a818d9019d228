import { describe, expect, it } from 'vitest';
import { allAtOnce, allAtOnceConfigSchema } from '@hotswap/strategy-all-at-once';
import { Simulation, simulateRollout, stepThrough } from '@hotswap/testing';

const nodes = [[0, 10]];

describe('allAtOnce', () => {
  it('deploys everywhere, checks before there is traffic, then switches once (D-1)', () => {
    const { effects, outcome } = stepThrough(allAtOnce());
    expect(effects).toEqual([
      { kind: 'deploy', version: 1, input: { nodes } },
      { kind: 'verify', version: 1, input: { nodes } },
      { kind: 'shiftTraffic', version: 1, input: { percent: 100, to: nodes, among: nodes } },
      { kind: 'progress', version: 1, input: { percent: 100 } },
    ]);
    expect(outcome).toEqual({ status: 'Completed' });
  });

  it('hands its timeout to the health check', () => {
    const { effects } = stepThrough(allAtOnce(), { config: { healthCheckTimeout: 20 } });
    expect(effects[1]).toMatchObject({ kind: 'verify', input: { timeoutMs: 20_000 } });
  });

  it('gives a sick version not a single request', async () => {
    const simulation = await simulateRollout({
      strategies: [allAtOnce()],
      script: { healthy: (_, id) => id !== 'v2' },
    });
    expect((await simulation.state()).summary).toMatchObject({ status: 'RolledBack', reason: 'Health checks failed' });
    expect(simulation.journal().some((entry) => entry.type === 'began' && entry.effect.kind === 'shiftTraffic')).toBe(
      false,
    );
  });

  it('swaps back and forth in a fraction of a second of the fleet', async () => {
    const simulation = new Simulation({ strategies: [allAtOnce()] });
    for (let swap = 0; swap < 20; swap++) {
      const deploymentId = `swap-${swap}`;
      const releaseId = swap % 2 === 0 ? 'v2' : 'v1';
      const startedAt = simulation.time.now();
      await simulation.deploy({ spec: { deploymentId, releaseId, moduleId: `greeter-${releaseId}` } });
      await simulation.time.advance(1_000);
      const { summary } = await simulation.state(deploymentId);
      expect([summary.status, (summary.endedAt ?? 0) - startedAt < 500]).toEqual(['Completed', true]);
      expect(simulation.sharePercent(releaseId)).toBe(100);
    }
  });

  it('takes the health check keys in both spellings', () => {
    expect(
      allAtOnce().healthCheck?.(
        allAtOnceConfigSchema.parse({ functionName: 'ping', successThreshold: 2, failureThreshold: 1 }),
      ),
    ).toEqual({ functionName: 'ping', successThreshold: 2, failureThreshold: 1 });
    expect(allAtOnce().healthCheck?.(allAtOnceConfigSchema.parse(undefined))).toEqual({});
    expect(allAtOnceConfigSchema.safeParse({ functionName: 'a', healthCheckFunction: 'b' }).success).toBe(false);
  });
});
