import { allAtOnce } from '@hotswap/strategy-all-at-once';
import type { GoldenRollouts, GoldenScenario } from '@hotswap/testing';

const minute = 60_000;

const scenarios: readonly GoldenScenario[] = [
  { name: 'completed' },
  { name: 'unhealthy', options: { script: { healthy: (_, releaseId) => releaseId !== 'v2' } } },
  {
    name: 'rolled-back-from-completed',
    drive: async (simulation) => {
      await simulation.time.advance(minute);
      await simulation.command('rollback', { reason: 'p99' });
    },
  },
];

export const goldenRollouts: GoldenRollouts = {
  strategies: [allAtOnce()],
  scenarios,
};
