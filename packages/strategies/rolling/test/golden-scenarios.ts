import { rolling } from '@hotswap/strategy-rolling';
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

/** Runs a scenario to its end. */
export async function runScenario({ options = {}, drive }: GoldenScenario): Promise<Simulation> {
  const simulation = new Simulation({ strategies: [rolling()], ...options });
  await simulation.deploy(options);
  await drive?.(simulation);
  await simulation.finish();
  return simulation;
}
