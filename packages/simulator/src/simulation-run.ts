import type { DeploymentSpec, NodeSelectorPlugin, Release, Strategy } from '@hotswap/core';
import type { SimulationScript } from '@hotswap/protocol';
import type { SimulatedNode } from '@hotswap/testing';

/** A simulation with everything decided that a request may leave open. @public */
export interface SimulationRun {
  readonly strategies: readonly Strategy<unknown>[];
  readonly fleet: readonly SimulatedNode[];
  readonly spec: DeploymentSpec;
  /** The deployment's release and those that serve before, as far as their health checks matter. */
  readonly releases?: readonly Release[];
  /** Selectors that the deployment may name. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  /** Metrics sources beside the nodes' reports that triggers may name; none of them is asked. Default: all that they name. */
  readonly sources?: readonly string[];
  readonly script: SimulationScript;
  readonly seed: number;
  readonly untilMs: number;
  /** Unix time in milliseconds. */
  readonly startsAtMs: number;
  /** Awaited now and then: lets a server answer others meanwhile, and give up by throwing. Default: runs through. */
  readonly breathe?: () => Promise<void>;
}
