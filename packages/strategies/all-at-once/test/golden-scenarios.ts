import { allAtOnce } from '@hotswap/strategy-all-at-once';
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
  { name: 'unhealthy', options: { script: { healthy: (_, releaseId) => releaseId !== 'v2' } } },
  {
    name: 'rolled-back-from-completed',
    drive: async (simulation) => {
      await simulation.time.advance(minute);
      await simulation.command('rollback', { reason: 'p99' });
    },
  },
];

/** Runs a scenario to its end. */
export async function runScenario({ options = {}, drive }: GoldenScenario): Promise<Simulation> {
  const simulation = new Simulation({ strategies: [allAtOnce()], ...options });
  await simulation.deploy(options);
  await drive?.(simulation);
  await simulation.finish();
  return simulation;
}
