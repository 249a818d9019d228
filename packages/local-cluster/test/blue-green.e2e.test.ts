import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type CreateDeploymentRequest, type DeploymentView } from '@hotswap/protocol';

const nodes = ['us-east', 'us-west'].map((region) => ({
  nodeId: `blue-green-${region}`,
  region,
  zone: `${region}-1a`,
}));
const callers = 4;

describe('blue-green under load', () => {
  let cluster: LocalCluster;
  let dataDirectory: string;

  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-blue-green-'));
    cluster = await startLocalCluster({ dataDirectory, nodes });
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const rollOut = async (request: CreateDeploymentRequest): Promise<DeploymentView> => {
    const { deploymentId } = await cluster.client.deployments.create(request);
    await cluster.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await cluster.client.deployments.get(deploymentId)).status, { timeout: 60_000, interval: 50 })
      .toSatisfy((status: string) => (finalStatuses as readonly string[]).includes(status));
    return cluster.client.deployments.get(deploymentId);
  };

  /** Calls without pause while `work` goes on; who answered, and what failed. */
  async function underLoad(work: () => Promise<void>): Promise<{ answeredBy: Set<string>; failures: unknown[] }> {
    const answeredBy = new Set<string>();
    const failures: unknown[] = [];
    let done = false;
    const calls = Array.from({ length: callers }, async () => {
      while (!done) {
        try {
          const answer = await cluster.client.modules.invoke('adder', 'add', { args: [2, 3] });
          if (answer.result !== 5) failures.push(answer);
          answeredBy.add(`${answer.moduleId} on ${answer.nodeId}`);
        } catch (error) {
          failures.push(error);
        }
      }
    });
    try {
      await work();
    } finally {
      done = true;
      await Promise.all(calls);
    }
    return { answeredBy, failures };
  }

  it('switches to the other node, drains the first, and loses no request; nor on the way back (STR-4, DEP-12)', async () => {
    for (const version of ['1.0.0', '1.1.0']) {
      const wasm = await readFile(exampleModule('adder', version).path);
      await cluster.client.modules.register({ name: 'adder', version, wasm });
    }
    await rollOut({ moduleId: 'adder-v1.0.0', strategy: 'AllAtOnce', targetRegions: ['us-east'] });
    const blue = 'adder-v1.0.0 on blue-green-us-east';
    const green = 'adder-v1.1.0 on blue-green-us-west';

    const forth = await underLoad(async () => {
      const switched = await rollOut({ moduleId: 'adder-v1.1.0', strategy: 'BlueGreen' });
      expect(switched.status).toBe('Completed');
      await cluster.client.deployments.rollback(switched.deploymentId, { reason: 'complaints' });
      await expect
        .poll(async () => (await cluster.client.deployments.get(switched.deploymentId)).status, { timeout: 30_000 })
        .toBe('RolledBack');
    });
    expect(forth.failures).toEqual([]);
    expect([...forth.answeredBy].sort()).toEqual([blue, green]);
    expect((await cluster.client.modules.invoke('adder', 'add', { args: [2, 3] })).moduleId).toBe('adder-v1.0.0');

    const gone = await underLoad(async () => {
      const strategyConfig = { keepBlueEnvironment: false };
      await rollOut({ moduleId: 'adder-v1.1.0', strategy: 'BlueGreen', strategyConfig });
    });
    expect(gone.failures).toEqual([]);
    expect(
      (await cluster.client.routes.get('adder')).targets.map(({ nodeId, moduleId }) => `${moduleId} on ${nodeId}`),
    ).toEqual([green]);
  });
});
