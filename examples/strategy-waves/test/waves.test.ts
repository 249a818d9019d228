import { describe, expect, it } from 'vitest';
import type { NodeSet } from '@hotswap/core';
import { simulateRollout, stepThrough, strategySuite } from '@hotswap/testing';
import { strategies, waves } from '../src/index.js';
import { planWaves } from '../src/plan-waves.js';

describe('Waves', () => {
  strategySuite({
    test: it,
    create: async () => ({
      strategy: waves(),
      configs: [{ soak: 'PT1M' }, { scouts: 2, growth: 1.5, soak: 30 }],
      refused: [
        { config: { scouts: 0 }, pointer: '/scouts' },
        { config: { growth: 1 }, pointer: '/growth' },
        { config: { soak: 'PT0S' }, pointer: '/soak' },
        { config: { soak: 'a while' }, pointer: '/soak' },
      ],
      [Symbol.asyncDispose]: async () => {},
    }),
  });

  it('is what the package gives to a server', () => {
    expect(strategies.map(({ name }) => name)).toEqual(['Waves']);
  });

  it('sends scouts into every region and doubles from there', () => {
    const regions: Record<string, NodeSet> = { west: [[0, 6]], east: [[6, 20]] };
    const { effects } = stepThrough(waves(), { nodes: 20, regions });
    expect(effects.flatMap(({ kind, input }) => (kind === 'shiftTraffic' ? [input] : []))).toMatchObject([
      {
        percent: 10,
        to: [
          [0, 1],
          [6, 7],
        ],
      },
      {
        percent: 20,
        to: [
          [0, 3],
          [6, 7],
        ],
      },
      { percent: 40, to: [[0, 8]] },
      { percent: 80, to: [[0, 16]] },
      { percent: 100, to: [[0, 20]] },
    ]);
  });

  it('reaches 100,000 nodes in 18 waves', () => {
    expect(planWaves([[0, 100_000]], [[[0, 100_000]]], { scouts: 1, growth: 2 })).toHaveLength(18);
  });

  it('takes everything back when a wave is sick, and says which', async () => {
    const simulation = await simulateRollout({
      strategies: [waves()],
      script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-west-3') },
    });
    expect((await simulation.state()).summary).toMatchObject({
      status: 'RolledBack',
      reason: 'Health checks failed in wave 4',
    });
  });
});
