import { blueGreen } from '@hotswap/strategy-blue-green';
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

/** Runs a scenario to its end: Blue is the first ten nodes of twenty unless it says otherwise. */
export async function runScenario({ options = {}, drive }: GoldenScenario): Promise<Simulation> {
  const simulation = new Simulation({
    strategies: [blueGreen()],
    serves: (_, position) => position < 10,
    ...options,
  });
  await simulation.deploy(options);
  await drive?.(simulation);
  await simulation.finish();
  return simulation;
}
