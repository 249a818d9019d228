import { setTimeout as sleep } from 'node:timers/promises';
import type { DeploymentView } from '@hotswap/protocol';
import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { violationsOf } from './history-of.ts';
import { reachStep } from './rollbacks.ts';

const stoppedMs = 4_000;
const endings = ['Completed', 'RolledBack'];

/** What happens around a rollout: the server's process stands still, a node leaves and comes back, a second deployment. */
export function disturbancePoints(bench: FaultBench, rollouts: readonly Rollout[]): readonly FaultPoint[] {
  return rollouts.flatMap((rollout) => [
    {
      name: `${rollout.name}: the server stands still for ${String(stoppedMs / 1_000)} s (SIGSTOP)`,
      run: () => disturb(bench, rollout, () => standStill(bench)),
    },
    {
      name: `${rollout.name}: a node is killed and comes back in the middle`,
      run: () => disturb(bench, rollout, () => loseNode(bench)),
    },
    {
      name: `${rollout.name}: the server is killed and a node with it`,
      run: () => disturb(bench, rollout, () => loseBoth(bench)),
    },
    {
      name: `${rollout.name}: another deployment of the module is refused in the middle`,
      run: () => disturb(bench, rollout, () => beSecond(bench)),
    },
  ]);
}

/** Runs a rollout with something happening at its second step, and says what came of it. */
export async function disturb(
  bench: FaultBench,
  rollout: Rollout,
  disturbance: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const before = bench.serving;
  const deploymentId = bench.newId();
  const moduleId = bench.next;
  await bench.begin(rollout, deploymentId, moduleId);
  await reachStep(bench, deploymentId, 1);
  const wrong = await disturbance();
  const deployment: DeploymentView = await bench.waitForEnd(deploymentId);
  bench.keep(deployment);
  await bench.cluster.waitForNodes(bench.nodeIds.length);
  await bench.clear(deployment);
  return [
    ...wrong,
    ...(endings.includes(deployment.status) ? [] : [`it ended as ${deployment.status}: ${deployment.reason ?? ''}`]),
    ...(await violationsOf(await bench.journal(deploymentId))),
    ...(await bench.routeViolations(bench.serves(deployment) ? moduleId : before)),
  ];
}

/** The server's process stops in its tracks, and goes on later as if nothing had been. */
export async function standStill({ cluster }: FaultBench): Promise<readonly string[]> {
  process.kill(cluster.server.pid, 'SIGSTOP');
  await sleep(stoppedMs);
  process.kill(cluster.server.pid, 'SIGCONT');
  return [];
}

/** A node dies, and is back half a second later. */
export async function loseNode(bench: FaultBench): Promise<readonly string[]> {
  const victim = bench.nodeIds.at(-1) as string;
  await bench.cluster.agents.get(victim)?.kill();
  await sleep(500);
  await bench.cluster.restartAgent(victim, {});
  return [];
}

async function loseBoth(bench: FaultBench): Promise<readonly string[]> {
  await bench.cluster.server.kill();
  const wrong = await loseNode(bench);
  await bench.cluster.restartServer();
  return wrong;
}

async function beSecond(bench: FaultBench): Promise<readonly string[]> {
  const deploymentId = bench.newId();
  try {
    await bench.client.deployments.create({ strategy: 'AllAtOnce', moduleId: bench.next, deploymentId });
  } catch {
    return [];
  }
  // The first one may have ended meanwhile; then there is room, and the second one has to go.
  await bench.client.deployments.abort(deploymentId, { reason: 'it was only a try' });
  return [];
}
