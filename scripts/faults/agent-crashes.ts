import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { violationsOf } from './history-of.ts';

/** Moments of a swap at which an agent's worker kills itself (`agentFailpoints` of the edge agent). */
const moments = [
  'agent.swap.before-slots',
  'agent.swap.after-slots',
  'agent.applied.before-write',
  'agent.applied.after-write',
] as const;

/** F40: an agent dies in the middle of a swap. Its supervisor starts it again; old or new serves, never half of each. */
export function agentCrashPoints(bench: FaultBench, rollouts: readonly Rollout[]): readonly FaultPoint[] {
  return rollouts.flatMap((rollout) =>
    moments.map((moment) => ({
      name: `${rollout.name}: agent killed at ${moment}`,
      run: () => crashAgent(bench, rollout, moment),
    })),
  );
}

async function crashAgent(bench: FaultBench, rollout: Rollout, moment: string): Promise<readonly string[]> {
  const [victim] = bench.nodeIds as [string];
  await bench.cluster.restartAgent(victim, { HOTSWAP_FAILPOINT: moment });
  await bench.cluster.waitForNodes(bench.nodeIds.length);
  const before = await generationOf(bench, victim);
  const deployment = await bench.runToEnd(rollout);
  const serving = bench.serves(deployment) ? deployment.moduleId : bench.serving;
  bench.keep(deployment);
  const after = await generationOf(bench, victim);
  const violations = [
    ...(deployment.status === 'Completed' || deployment.status === 'RolledBack'
      ? []
      : [`it ended as ${deployment.status}: ${deployment.reason ?? ''}`]),
    ...(after >= before ? [] : [`the agent's generation fell from ${String(before)} to ${String(after)}`]),
    ...(await violationsOf(await bench.journal(deployment.deploymentId))),
    ...(await bench.routeViolations(serving)),
  ];
  await bench.cluster.restartAgent(victim, {});
  await bench.cluster.waitForNodes(bench.nodeIds.length);
  return violations;
}

async function generationOf(bench: FaultBench, nodeId: string): Promise<number> {
  return (await bench.client.nodes.get(nodeId)).observedGeneration;
}
