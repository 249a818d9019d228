import { setTimeout as sleep } from 'node:timers/promises';
import type { DeploymentView } from '@hotswap/protocol';
import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { violationsOf } from './history-of.ts';
import type { ModuleLine } from './module-line.ts';
import { reachStep } from './rollbacks.ts';

const endings = ['Completed', 'RolledBack'];
const deadMs = 300;

/** Several deployments at once: of two modules on the same nodes, and of one module in regions apart. */
export function manyDeploymentPoints(bench: FaultBench, rollouts: readonly Rollout[]): readonly FaultPoint[] {
  return rollouts.flatMap((rollout) => [
    { name: `${rollout.name}: with another module's on the same nodes`, run: () => besides(bench, rollout, calm) },
    {
      name: `${rollout.name}: with another module's on the same nodes, and the server is killed`,
      run: () => besides(bench, rollout, killServer),
    },
    ...(staysInRegions(rollout)
      ? [
          { name: `${rollout.name}: in two regions apart at once`, run: () => apart(bench, rollout, calm) },
          {
            name: `${rollout.name}: in two regions apart at once, and the server is killed`,
            run: () => apart(bench, rollout, killServer),
          },
        ]
      : []),
  ]);
}

/** An experiment needs calls of both variants, which one node alone cannot split. */
const staysInRegions = ({ strategy }: Rollout): boolean => strategy !== 'ABTesting';

async function calm(): Promise<void> {
  // Nothing happens.
}

async function killServer({ cluster }: FaultBench): Promise<void> {
  await cluster.server.kill();
  await sleep(deadMs);
  await cluster.restartServer();
}

interface Begun {
  readonly line: ModuleLine;
  readonly deploymentId: string;
  readonly moduleId: string;
}

async function besides(
  bench: FaultBench,
  rollout: Rollout,
  disturbance: (bench: FaultBench) => Promise<void>,
): Promise<readonly string[]> {
  const begun = [bench.adder, bench.shop].map((line): Begun => ({
    line,
    deploymentId: bench.newId(),
    moduleId: line.next,
  }));
  await Promise.all(begun.map(({ deploymentId, moduleId }) => bench.begin(rollout, deploymentId, moduleId)));
  await Promise.all(begun.map(({ deploymentId }) => reachStep(bench, deploymentId, 1)));
  await disturbance(bench);
  const wrong: string[] = [];
  const journals = [];
  for (const { line, deploymentId } of begun) {
    const deployment = await end(bench, deploymentId);
    line.keep(deployment);
    wrong.push(...endViolations(deployment), ...(await bench.settledViolations(line)));
    journals.push(await bench.journal(deploymentId));
  }
  return [...wrong, ...(await violationsOf(...journals))];
}

async function apart(
  bench: FaultBench,
  rollout: Rollout,
  disturbance: (bench: FaultBench) => Promise<void>,
): Promise<readonly string[]> {
  const moduleId = bench.next;
  const begun = [['us-east'], ['us-west', 'eu-central']].map((targetRegions) => ({
    targetRegions,
    deploymentId: bench.newId(),
  }));
  await Promise.all(
    begun.map(({ targetRegions, deploymentId }) => bench.begin({ ...rollout, targetRegions }, deploymentId, moduleId)),
  );
  await Promise.all(begun.map(({ deploymentId }) => reachStep(bench, deploymentId, 1)));
  await disturbance(bench);
  const ended = await Promise.all(begun.map(({ deploymentId }) => end(bench, deploymentId)));
  for (const deployment of ended) bench.keep(deployment);
  const journals = await Promise.all(begun.map(({ deploymentId }) => bench.journal(deploymentId)));
  return [
    ...ended.flatMap(({ status, reason }) =>
      status === 'Completed' ? [] : [`it ended as ${status}: ${reason ?? ''}`],
    ),
    ...(await violationsOf(...journals)),
    ...(await bench.settledViolations(bench.adder)),
  ];
}

async function end(bench: FaultBench, deploymentId: string): Promise<DeploymentView> {
  const deployment = await bench.waitForEnd(deploymentId);
  await bench.clear(deployment);
  return deployment;
}

const endViolations = ({ deploymentId, status, reason }: DeploymentView): readonly string[] =>
  endings.includes(status) ? [] : [`${deploymentId} ended as ${status}: ${reason ?? ''}`];
