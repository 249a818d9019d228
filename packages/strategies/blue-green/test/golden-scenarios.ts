import { blueGreen } from '@hotswap/strategy-blue-green';
import type { GoldenRollouts, GoldenScenario } from '@hotswap/testing';

const minute = 60_000;

const scenarios: readonly GoldenScenario[] = [
  { name: 'completed' },
  { name: 'first-deployment', options: { serves: () => false } },
  { name: 'insufficient-capacity', options: { serves: (_, position) => position < 11 } },
  {
    name: 'unhealthy',
    options: { script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-west-2') } },
  },
  { name: 'in-place', options: { serves: () => true, config: { placement: 'in-place', keepBlueEnvironment: false } } },
  {
    name: 'promoted-and-evaluated',
    options: { config: { autoPromote: false, evaluationPeriod: 'PT5M' } },
    drive: async (simulation) => {
      await simulation.time.advance(10 * minute);
      await simulation.command('promote');
    },
  },
  {
    name: 'switched-back-from-completed',
    drive: async (simulation) => {
      await simulation.time.advance(30 * minute);
      await simulation.command('rollback', { reason: 'complaints' });
    },
  },
];

export const goldenRollouts: GoldenRollouts = {
  strategies: [blueGreen()],
  scenarios,
  // Blue is the first ten nodes of twenty unless a scenario says otherwise.
  options: { serves: (_, position) => position < 10 },
};
