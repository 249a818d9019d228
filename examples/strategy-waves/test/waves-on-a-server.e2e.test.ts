import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses } from '@hotswap/protocol';

const plugin = fileURLToPath(new URL('..', import.meta.url));

describe('a server that is told of this package', () => {
  let directory: string;
  let cluster: LocalCluster;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-waves-'));
    cluster = await startLocalCluster({ dataDirectory: directory, serverEnv: { HOTSWAP_PLUGINS: plugin } });
  });
  afterAll(async () => {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('rolls out with it, and refuses its nonsense with pointers', async () => {
    const { client } = cluster;
    for (const version of ['1.0.0', '1.1.0']) {
      const wasm = await readFile(exampleModule('adder', version).path);
      await client.modules.register({ name: 'adder', version, wasm });
      const { deploymentId } = await client.deployments.create({
        moduleId: `adder-v${version}`,
        strategy: 'Waves',
        strategyConfig: { soak: 'PT1S' },
      });
      await client.deployments.execute(deploymentId);
      await expect
        .poll(async () => (await client.deployments.get(deploymentId)).status, { timeout: 60_000, interval: 200 })
        .toSatisfy((status: string) => (finalStatuses as readonly string[]).includes(status));
      expect(await client.deployments.get(deploymentId)).toMatchObject({ status: 'Completed', stage: 'wave 2' });
    }
    expect((await client.routes.get('adder')).targets.map(({ moduleId }) => moduleId)).toEqual(
      Array<string>(6).fill('adder-v1.1.0'),
    );
    await expect(
      client.deployments.create({ moduleId: 'adder-v1.0.0', strategy: 'Waves', strategyConfig: { growth: 1 } }),
    ).rejects.toMatchObject({
      code: 'HS_STRATEGY_INVALID_CONFIG',
      details: { errors: [{ pointer: '/strategyConfig/growth' }] },
    });
  });
});
