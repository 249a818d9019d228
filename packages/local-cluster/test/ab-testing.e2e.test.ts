import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type CreateDeploymentRequest, type DeploymentView } from '@hotswap/protocol';
import { exampleModule } from '@hotswap/example-modules';

const nodes = ['a', 'b', 'c'].map((zone) => ({ nodeId: `ab-${zone}`, region: 'us-east', zone: `us-east-1${zone}` }));
const callers = 4;

describe('an A/B test by what modules report', () => {
  let cluster: LocalCluster;
  let dataDirectory: string;
  let isOver = false;
  let calls: Promise<unknown> | undefined;
  const failures: unknown[] = [];

  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-ab-testing-'));
    cluster = await startLocalCluster({ dataDirectory, nodes });
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) {
      const wasm = await readFile(exampleModule('shop', version).path);
      await cluster.client.modules.register({ name: 'shop', version, wasm });
    }
    await rollOut({ moduleId: 'shop-v1.0.0', strategy: 'AllAtOnce' });
    calls = Promise.all(Array.from({ length: callers }, visit));
  });

  afterAll(async () => {
    isOver = true;
    await calls;
    await cluster.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  async function visit(): Promise<void> {
    while (!isOver) {
      try {
        await cluster.client.modules.invoke('shop', 'visit', { args: [] });
      } catch (error) {
        failures.push(error);
      }
    }
  }

  async function rollOut(request: CreateDeploymentRequest): Promise<DeploymentView> {
    const { deployments } = cluster.client;
    const { deploymentId } = await deployments.create(request);
    await deployments.execute(deploymentId);
    const hasEnded = async (): Promise<boolean> =>
      (finalStatuses as readonly string[]).includes((await deployments.get(deploymentId)).status);
    await vi.waitUntil(hasEnded, { timeout: 100_000, interval: 100 });
    return deployments.get(deploymentId);
  }

  const experiment = (moduleId: string): CreateDeploymentRequest => ({
    moduleId,
    strategy: 'ABTesting',
    strategyConfig: {
      variantBPercentage: 50,
      placement: 'in-place',
      experimentDuration: 'PT1M30S',
      lookInterval: 'PT2S',
      minimumSampleSize: 200,
      winnerCriteria: { metric: 'custom:orders', comparison: 'higher_is_better', threshold: 10 },
    },
  });

  it('gives everything to the version that sells more, then keeps it against one that sells less', async () => {
    const won = await rollOut(experiment('shop-v1.1.0'));
    expect(won).toMatchObject({ status: 'Completed', verdict: 'B' });
    expect((await cluster.client.modules.invoke('shop', 'visit', { args: [] })).moduleId).toBe('shop-v1.1.0');

    const lost = await rollOut(experiment('shop-v1.2.0'));
    expect(lost).toMatchObject({ status: 'Completed', verdict: 'A' });
    expect((await cluster.client.modules.invoke('shop', 'visit', { args: [] })).moduleId).toBe('shop-v1.1.0');
    expect(failures).toEqual([]);
  });
});
