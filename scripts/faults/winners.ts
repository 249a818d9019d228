import type { DeploymentView } from '@hotswap/protocol';
import { loseNode, standStill } from './disturbances.ts';
import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';
import { violationsOf } from './history-of.ts';
import { reachStep } from './rollbacks.ts';

const callers = 4;
/** Long enough to find for the better one whatever happens meanwhile; it ends as soon as that is clear. */
const experiment: Rollout = {
  name: 'ABTesting',
  strategy: 'ABTesting',
  strategyConfig: {
    variantBPercentage: 50,
    placement: 'in-place',
    experimentDuration: 'PT50S',
    lookInterval: 'PT1S',
    minimumSampleSize: 100,
    winnerCriteria: { metric: 'custom:orders', comparison: 'higher_is_better', threshold: 10 },
  },
};

/** An experiment that is won by B, by what the module itself reports, while something goes wrong. */
export function winnerPoints(bench: FaultBench): readonly FaultPoint[] {
  const point = (what: string, disturbance: () => Promise<unknown>): FaultPoint => ({
    name: `ABTesting: B wins although ${what}`,
    run: () => win(bench, disturbance),
  });
  return [
    point('the server is killed', async () => {
      await bench.cluster.server.kill();
      await bench.cluster.restartServer();
    }),
    point('a node is killed and comes back', () => loseNode(bench)),
    point('the server stands still', () => standStill(bench)),
  ];
}

async function win(bench: FaultBench, disturbance: () => Promise<unknown>): Promise<readonly string[]> {
  const { shop } = bench;
  // The second version is the one that sells more.
  if (shop.serving > shop.next)
    shop.keep(await bench.runToEnd({ name: 'AllAtOnce', strategy: 'AllAtOnce', strategyConfig: {} }, shop.next));
  const visitors = new Visitors(bench);
  let deployment: DeploymentView;
  const deploymentId = bench.newId();
  const moduleId = shop.next;
  try {
    await bench.begin(experiment, deploymentId, moduleId);
    await reachStep(bench, deploymentId, 3);
    await disturbance();
    deployment = await bench.waitForEnd(deploymentId);
  } finally {
    await visitors.stop();
  }
  shop.keep(deployment);
  await bench.clear(deployment);
  await bench.cluster.waitForNodes(bench.nodeIds.length);
  const { status, verdict, reason } = deployment;
  return [
    ...(status === 'Completed' && verdict === 'B'
      ? []
      : [`it ended as ${status} with the verdict ${verdict ?? 'none'}: ${reason ?? ''}`]),
    ...(await violationsOf(await bench.journal(deploymentId))),
    ...(await bench.settledViolations(shop)),
  ];
}

/** People who visit the shop all the time. A server that is dead answers nobody; that is no fault of a variant. */
class Visitors {
  #isOver = false;
  readonly #calls: Promise<unknown>;

  constructor(bench: FaultBench) {
    this.#calls = Promise.all(
      Array.from({ length: callers }, async () => {
        while (!this.#isOver)
          await bench.client.modules.invoke('shop', 'visit', { args: [] }).catch(
            () =>
              new Promise((resolve) => {
                setTimeout(resolve, 50);
              }),
          );
      }),
    );
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#calls;
  }
}
