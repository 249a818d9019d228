import type { DeploymentSpec, NodeSelectorPlugin, Release, Strategy } from '@hotswap/core';
import type { SimulationResult, SimulationScript } from '@hotswap/protocol';
import type { SimulatedNode } from '@hotswap/testing';
import { scenarioMs } from './active-period.ts';
import type { LiveRollout } from './live-rollout.ts';
import { SimulatedWorld } from './simulated-world.ts';

/** A simulation with everything decided that a request may leave open. @public */
export interface SimulationRun {
  readonly strategies: readonly Strategy<unknown>[];
  readonly fleet: readonly SimulatedNode[];
  readonly spec: DeploymentSpec;
  /** The deployment's release and those that serve before, as far as their health checks matter. */
  readonly releases?: readonly Release[];
  /** Selectors that the deployment may name. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  readonly script: SimulationScript;
  readonly seed: number;
  readonly untilMs: number;
  /** Unix time in milliseconds. */
  readonly startsAtMs: number;
  /** Awaited now and then: lets a server answer others meanwhile, and give up by throwing. Default: runs through. */
  readonly breathe?: () => Promise<void>;
}

/**
 * Runs the production engine over a fleet in virtual time. The same run gives the same result to the byte.
 * @throws HS_DEPLOYMENT_NO_TARGETS, HS_CONFIG_INVALID_SCENARIO when the script names another module, and whatever else
 * create and execute refuse
 * @public
 */
export async function runSimulation({ spec, ...parts }: SimulationRun): Promise<SimulationResult> {
  const world = new SimulatedWorld(parts, [spec]);
  const { simulation, rollouts } = world;
  const [rollout] = rollouts as readonly [LiveRollout];
  await world.begin((type, sentence) => {
    rollout.tell('script', type, sentence, world.nowMs());
  });
  const { commands = [] } = parts.script;
  for (const command of commands) simulation.time.after(scenarioMs(command.at), () => world.command(rollout, command));
  await simulation.engine.command(spec.tenant, spec.deploymentId, 'execute', spec.author);
  let firstEndMs: number | null = null;
  await world.run(() => {
    firstEndMs ??= rollout.endedMs;
    // Commands may still come to a completed deployment whose replaced release is warm.
    const isRetained = rollout.summary?.retainedUntil !== undefined && commands.length > 0;
    if (firstEndMs !== null) return world.nowMs() <= world.lastLineMs && isRetained;
    return world.hasPatience(rollout);
  });
  return { ...(await world.outcome(rollout, firstEndMs)), ...world.course(firstEndMs) };
}
