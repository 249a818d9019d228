import type { Strategy } from '@hotswap/core';
import { Simulation, type SimulatedDeployment, type SimulationOptions } from '../../scenario/simulation.ts';

/** How a golden rollout is set up. @public */
export type GoldenOptions = Partial<SimulationOptions> & SimulatedDeployment;

/** A rollout whose journal is kept for ever: what version 1 wrote has to replay in every later version. @public */
export interface GoldenScenario {
  readonly name: string;
  readonly options?: GoldenOptions;
  /** What people do meanwhile. */
  readonly drive?: (simulation: Simulation) => Promise<void>;
}

/** The golden rollouts of a strategy. @public */
export interface GoldenRollouts {
  /** The strategy, and those that it runs inside. */
  readonly strategies: readonly Strategy<unknown>[];
  readonly scenarios: readonly GoldenScenario[];
  /** What scenarios have in common. Default: nothing. */
  readonly options?: GoldenOptions;
  /** Virtual time in which each is over. Default 12 hours. */
  readonly limitMs?: number;
}

/** Runs a scenario to its end. @public */
export async function runGoldenScenario(
  { strategies, options: common = {}, limitMs }: Omit<GoldenRollouts, 'scenarios'>,
  { options = {}, drive }: GoldenScenario,
): Promise<Simulation> {
  const simulation = new Simulation({ strategies, ...common, ...options });
  await simulation.deploy({ ...common, ...options });
  await drive?.(simulation);
  await simulation.finish(limitMs);
  return simulation;
}
