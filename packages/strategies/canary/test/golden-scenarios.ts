import { canary } from '@hotswap/strategy-canary';
import type { GoldenRollouts, GoldenScenario } from '@hotswap/testing';

const minute = 60_000;

const scenarios: readonly GoldenScenario[] = [
  { name: 'completed' },
  {
    name: 'increments',
    options: { config: { initialPercentage: 10, incrementPercentage: 25, evaluationPeriod: 'PT1M' } },
  },
  {
    name: 'unhealthy',
    options: { script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-east-2') } },
  },
  {
    name: 'promoted-by-hand',
    options: { config: { stages: [10, 50, 100], autoPromote: false, evaluationPeriod: 'PT1M' } },
    drive: async (simulation) => {
      for (let stage = 0; stage < 2; stage++) {
        await simulation.time.advance(2 * minute);
        await simulation.command('promote');
      }
    },
  },
  {
    name: 'paused-and-rolled-back',
    drive: async (simulation) => {
      await simulation.time.advance(7 * minute);
      await simulation.command('pause', { reason: 'lunch' });
      await simulation.time.advance(30 * minute);
      await simulation.command('resume');
      await simulation.time.advance(minute);
      await simulation.command('rollback', { reason: 'complaints' });
    },
  },
];

export const goldenRollouts: GoldenRollouts = {
  strategies: [canary()],
  scenarios,
};
