import { rolling } from '@hotswap/strategy-rolling';
import type { GoldenRollouts, GoldenScenario } from '@hotswap/testing';

const minute = 60_000;

const scenarios: readonly GoldenScenario[] = [
  { name: 'completed', options: { config: { batchSize: 4, batchDelay: 'PT30S' } } },
  {
    name: 'rolled-back',
    options: {
      config: { batchSize: 4, pauseOnFailure: false },
      script: { loads: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-west-5') },
    },
  },
  {
    name: 'retried',
    options: {
      config: { batchSize: 5 },
      script: {
        healthy: (node, releaseId, now) =>
          !(releaseId === 'v2' && node.nodeId === 'us-east-5' && now < Date.UTC(2026, 0, 1) + 2 * minute),
      },
    },
    drive: async (simulation) => {
      await simulation.time.advance(3 * minute);
      await simulation.command('retry');
    },
  },
  {
    name: 'left-out',
    options: {
      config: { batchSize: 5 },
      script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-east-5') },
    },
    drive: async (simulation) => {
      await simulation.time.advance(3 * minute);
      await simulation.command('resume');
    },
  },
];

export const goldenRollouts: GoldenRollouts = {
  strategies: [rolling()],
  scenarios,
};
