import { describe, expect, it } from 'vitest';
import { canary } from '@hotswap/strategy-canary';
import { Simulation, simulateRollout, stepThrough } from '@hotswap/testing';

const minute = 60_000;
const stage = (percent: number, to: number, added: readonly (readonly [number, number])[]): readonly object[] => {
  const nodes = [[0, to]];
  const failure = `Health checks failed at stage ${percent}%`;
  return [
    ...(added.length === 0 ? [] : [{ kind: 'deploy', version: 1, input: { nodes: added } }]),
    { kind: 'shiftTraffic', version: 1, input: { percent, to: nodes, among: [[0, 8]] } },
    { kind: 'wait', version: 1, input: { forMs: 300_000, reason: 'evaluation', watch: nodes, failure } },
    { kind: 'verify', version: 1, input: { nodes, failure } },
    { kind: 'progress', version: 1, input: { percent, stage: `${percent}%` } },
  ];
};

describe('canary', () => {
  it('deploys, shifts, bakes and reports stage by stage', () => {
    const { effects, outcome } = stepThrough(canary(), { nodes: 8 });
    expect(effects).toEqual([
      ...stage(10, 1, [[0, 1]]),
      ...stage(25, 2, [[1, 2]]),
      ...stage(50, 4, [[2, 4]]),
      ...stage(100, 8, [[4, 8]]),
    ]);
    expect(outcome).toEqual({ status: 'Completed' });
  });

  it('moves traffic even where a stage adds no node', () => {
    const { effects } = stepThrough(canary(), { nodes: 1 });
    expect(effects.filter(({ kind }) => kind === 'deploy')).toHaveLength(1);
    expect(effects.flatMap((effect) => (effect.kind === 'shiftTraffic' ? [effect.input.percent] : []))).toEqual([
      10, 25, 50, 100,
    ]);
  });

  it('asks before each promotion but the last with autoPromote false (X-9)', () => {
    const { effects } = stepThrough(canary(), { config: { stages: [10, 50, 100], autoPromote: false } });
    expect(effects.filter(({ kind }) => kind === 'pause').map(({ input }) => input)).toEqual([
      { reason: 'Waiting for promotion to 50%', accepts: ['promote'] },
      { reason: 'Waiting for promotion to 100%', accepts: ['promote'] },
    ]);
  });

  it('passes a failure on as it is', () => {
    const failure = { cause: 'health', message: 'Health checks failed at stage 10%' } as const;
    const { effects, thrown } = stepThrough(canary(), {
      answer: ({ kind }) => (kind === 'verify' ? { ok: false, failure } : undefined),
    });
    expect(effects.map(({ kind }) => kind)).toEqual(['deploy', 'shiftTraffic', 'wait', 'verify']);
    expect(thrown).toMatchObject({ code: 'HS_STRATEGY_STAGE_FAILED', failure });
  });

  it('rolls back with the text of the stage when health checks fail (STR-3, DEP-11)', async () => {
    const simulation = await simulateRollout({
      strategies: [canary()],
      script: { healthy: (node, id) => !(id === 'v2' && node.nodeId === 'us-east-0') },
    });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'RolledBack',
      progressPercent: 10,
      reason: 'Health checks failed at stage 25%',
    });
  });

  it('gives each stage its share of nodes and of requests', async () => {
    const simulation = new Simulation({ strategies: [canary()] });
    await simulation.deploy();
    for (const [percent, nodes] of [
      [10, 2],
      [25, 5],
      [50, 10],
      [100, 20],
    ] as const) {
      await simulation.time.advance(minute);
      expect(simulation.sharePercent('v2')).toBeCloseTo(percent, 6);
      expect(
        [...simulation.database.nodes.keys()].filter((nodeId) => simulation.fleet.loaded(nodeId).includes('v2')),
      ).toHaveLength(nodes);
      await simulation.time.advance(4 * minute + 1_000);
    }
    expect((await simulation.state()).summary).toMatchObject({
      status: 'Completed',
      progressPercent: 100,
      stage: '100%',
    });
  });
});
