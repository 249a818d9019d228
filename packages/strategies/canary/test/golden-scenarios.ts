import { canary } from '@hotswap/strategy-canary';
import { Simulation, type SimulatedDeployment, type SimulationOptions } from '@hotswap/testing';

/** A rollout whose journal is kept for ever: what version 1 wrote has to replay in every later version. */
export interface GoldenScenario {
  readonly name: string;
  readonly options?: Partial<SimulationOptions> & SimulatedDeployment;
  /** What people do meanwhile. */
  readonly drive?: (simulation: Simulation) => Promise<void>;
}

const minute = 60_000;

export const goldenScenarios: readonly GoldenScenario[] = [
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

/** Runs a scenario to its end. */
export async function runScenario({ options = {}, drive }: GoldenScenario): Promise<Simulation> {
  const simulation = new Simulation({ strategies: [canary()], ...options });
  await simulation.deploy(options);
  await drive?.(simulation);
  await simulation.finish();
  return simulation;
}
