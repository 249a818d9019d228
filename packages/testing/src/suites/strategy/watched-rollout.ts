import type { Strategy } from '@hotswap/core';
import { Simulation, type SimulatedDeployment, type SimulationOptions } from '../../scenario/simulation.ts';
import type { StrategyRig } from './strategy-rig.ts';

/** A rollout of the strategy under test. @internal */
export type Scenario = SimulationOptions & SimulatedDeployment;

/** The strategy under test and those that it runs inside. @internal */
export const known = (rig: StrategyRig): readonly Strategy<unknown>[] => [rig.strategy, ...(rig.inner ?? [])];

/** One of the rig's configurations on the rig's fleet. @internal */
export const scenario = (rig: StrategyRig, config: unknown): Scenario => ({
  strategies: known(rig),
  strategy: rig.strategy.name,
  config,
  ...rig.fleet,
});

/** What can be seen of every commit while a rollout goes on; the first complaint is thrown once it is over. @internal */
export async function watched(options: Scenario, look: (simulation: Simulation) => void): Promise<Simulation> {
  const complaints: unknown[] = [];
  const failpoint = (name: string): void => {
    options.failpoint?.(name);
    if (name !== 'engine.append.after') return;
    try {
      look(simulation);
    } catch (complaint) {
      complaints.push(complaint);
    }
  };
  const simulation: Simulation = new Simulation({ ...options, failpoint });
  await simulation.deploy(options);
  await simulation.finish();
  if (complaints.length > 0) throw complaints[0];
  return simulation;
}
