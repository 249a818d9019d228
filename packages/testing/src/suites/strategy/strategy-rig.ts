import type { Strategy } from '@hotswap/core';
import type { SimulationOptions } from '../../scenario/simulation.ts';

/**
 * A strategy with what the suite needs to try it.
 * @public
 */
export interface StrategyRig extends AsyncDisposable {
  /** The strategy under test. */
  readonly strategy: Strategy<unknown>;
  /** Strategies that it runs inside of itself. */
  readonly inner?: readonly Strategy<unknown>[];
  /** Configurations to try, each of which ends as Completed with the release everywhere on a healthy fleet. */
  readonly configs: readonly unknown[];
  /** Configurations that the schema has to refuse, with the JSON pointer of the mistake. */
  readonly refused: readonly { readonly config: unknown; readonly pointer: string }[];
  /** The fleet to run on. Default: 20 nodes in 3 regions, all serving a baseline. */
  readonly fleet?: Pick<SimulationOptions, 'nodes' | 'serves' | 'router' | 'failpoint' | 'metrics'>;
  /** Which nodes serve a baseline on a fleet that the suite draws, by its nodes per region. Default: all. */
  readonly servesOn?: (nodes: Readonly<Record<string, number>>) => NonNullable<SimulationOptions['serves']>;
}
