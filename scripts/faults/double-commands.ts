import { isHotSwapError } from '@hotswap/core';
import { rollouts, type FaultBench } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { violationsOf } from './history-of.ts';

/** F90, F92: many callers want the same thing at once; it happens once. */
export function doubleCommandPoints(bench: FaultBench): readonly FaultPoint[] {
  return [
    { name: '20 parallel executes of one deployment', run: () => executeTwentyTimes(bench) },
    { name: '20 parallel creates for one module', run: () => createTwentyTimes(bench) },
  ];
}

async function executeTwentyTimes(bench: FaultBench): Promise<readonly string[]> {
  const deploymentId = bench.newId();
  const { name: _name, ...rollout } = rollouts[0] as (typeof rollouts)[number];
  await bench.client.deployments.create({ ...rollout, moduleId: bench.next, deploymentId });
  const answers = await Promise.allSettled(
    Array.from({ length: 20 }, () => bench.client.deployments.execute(deploymentId)),
  );
  const deployment = await bench.waitForEnd(deploymentId);
  bench.keep(deployment);
  const entries = await bench.journal(deploymentId);
  const executed = entries.filter((entry) => entry.type === 'executed').length;
  return [
    ...answers.flatMap((answer) =>
      answer.status === 'rejected' ? [`an execute was refused: ${String(answer.reason)}`] : [],
    ),
    ...(executed === 1 ? [] : [`it was executed ${String(executed)} times`]),
    ...(deployment.status === 'Completed' ? [] : [`it ended as ${deployment.status}`]),
    ...(await violationsOf(entries)),
  ];
}

async function createTwentyTimes(bench: FaultBench): Promise<readonly string[]> {
  const ids = Array.from({ length: 20 }, () => bench.newId());
  const answers = await Promise.allSettled(
    ids.map((deploymentId) =>
      bench.client.deployments.create({ strategy: 'AllAtOnce', moduleId: bench.next, deploymentId }),
    ),
  );
  const made = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
  await Promise.all(made.map((deployment) => bench.client.deployments.abort(deployment.deploymentId)));
  return [
    ...(made.length === 1 ? [] : [`${String(made.length)} deployments of one module were accepted`]),
    ...refusals
      .filter((refusal) => !isHotSwapError(refusal, 'HS_DEPLOYMENT_ACTIVE'))
      .map((refusal) => `a create failed otherwise: ${String(refusal)}`),
  ];
}
