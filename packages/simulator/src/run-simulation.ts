import type { SimulationResult } from '@hotswap/protocol';
import { scenarioMs } from './active-period.ts';
import type { LiveRollout } from './live-rollout.ts';
import { SimulatedWorld } from './simulated-world.ts';
import type { SimulationRun } from './simulation-run.ts';

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
