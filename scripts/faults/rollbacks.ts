import { setTimeout as sleep } from 'node:timers/promises';
import { isHotSwapError } from '@hotswap/core';
import { finalStatuses } from '@hotswap/protocol';
import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { violationsOf } from './history-of.ts';

/**
 * F91: a rollback comes while each step of the rollout runs, and once after it has completed. The old version must serve
 * everywhere afterwards (I6).
 */
export async function rollbackPoints(bench: FaultBench, rollout: Rollout): Promise<readonly FaultPoint[]> {
  const deployment = await bench.runToEnd(rollout);
  bench.keep(deployment);
  const entries = await bench.journal(deployment.deploymentId);
  const steps = entries.filter((entry) => entry.type === 'began').length;
  return Array.from({ length: steps }, (_, step) => ({
    name: `${rollout.name}: rolled back at step ${String(step)}`,
    run: () => rollBackAt(bench, rollout, step),
  }));
}

async function rollBackAt(bench: FaultBench, rollout: Rollout, step: number): Promise<readonly string[]> {
  const before = bench.serving;
  const deploymentId = bench.newId();
  await bench.begin(rollout, deploymentId, bench.next);
  await reachStep(bench, deploymentId, step);
  await rollBack(bench, deploymentId);
  const deployment = await waitUntilRolledBack(bench, deploymentId);
  return [
    ...(deployment === 'RolledBack' ? [] : [`it ended as ${deployment}`]),
    ...(await violationsOf(await bench.journal(deploymentId))),
    ...(await bench.routeViolations(before)),
  ];
}

/** Resolves once a deployment has begun a step, or has come further. */
export async function reachStep(bench: FaultBench, deploymentId: string, step: number): Promise<void> {
  for await (const event of bench.client.deployments.watch(deploymentId, { follow: true })) {
    if (
      event.kind === 'entry' &&
      event.entry.type === 'began' &&
      ((event.entry.entry as { step?: number }).step ?? -1) >= step
    )
      return;
  }
}

/** Asks for a rollback; one that is under way or over already is as good. */
export async function rollBack(bench: FaultBench, deploymentId: string): Promise<void> {
  try {
    await bench.client.deployments.rollback(deploymentId, { reason: 'fault test' });
  } catch (error) {
    if (!isHotSwapError(error) || error.httpStatus !== 409) throw error;
  }
}

/** The status in which a deployment ends that is rolled back. */
export async function waitUntilRolledBack(bench: FaultBench, deploymentId: string): Promise<string> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { status } = await bench.client.deployments.get(deploymentId);
    if ((finalStatuses.includes(status) && status !== 'Completed') || performance.now() > deadline) return status;
    await sleep(30);
  }
}
