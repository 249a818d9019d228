import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type DeploymentView } from '@hotswap/protocol';

const nodes = ['us-east', 'us-west'].map((region) => ({ nodeId: `http-${region}`, region, zone: `${region}-1a` }));
const affinity = { header: 'x-user' };

describe('modules that serve HTTP in a cluster', () => {
  let cluster: LocalCluster;
  let dataDirectory: string;

  beforeAll(async () => {
    await buildExampleModules();
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-http-'));
    cluster = await startLocalCluster({ dataDirectory, nodes, publicHttp: true });
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const register = async (name: string, version: string, http: Record<string, unknown>): Promise<string> => {
    const wasm = await readFile(exampleModule('http-hello', version).path);
    const { moduleId } = await cluster.client.modules.register({ name, version, wasm, http: { affinity, ...http } });
    return moduleId;
  };

  const rollOut = async (
    moduleId: string,
    strategy: string,
    strategyConfig: Record<string, number | string | boolean | readonly number[]> = {},
  ): Promise<DeploymentView> => {
    const { deploymentId } = await cluster.client.deployments.create({ moduleId, strategy, strategyConfig });
    await cluster.client.deployments.execute(deploymentId);
    for await (const event of cluster.client.deployments.watch(deploymentId)) {
      if (event.kind === 'status' && finalStatuses.includes(event.deployment.status)) break;
    }
    return cluster.client.deployments.get(deploymentId);
  };

  const get = async (url: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> => {
    const answer = await fetch(url, { headers });
    return { status: answer.status, body: await answer.text() };
  };

  const hello = { status: 200, body: 'Hello from http-hello 1.0.0\n' };
  const throughServer = (name: string): string => new URL(`/api/v1/wasm/http/${name}/`, cluster.url).href;

  it('are reached through the server, and by anyone at every node', async () => {
    const moduleId = await register('hello', '1.0.0', { access: 'public', pathPrefix: '/hello' });
    expect(await rollOut(moduleId, 'AllAtOnce')).toMatchObject({ status: 'Completed' });
    expect(await get(throughServer('hello'))).toEqual(hello);
    expect(cluster.httpUrls.size).toBe(nodes.length);
    for (const url of cluster.httpUrls.values()) expect(await get(`${url}/hello/any/path`)).toEqual(hello);
  });

  it('want a key where they say so, and then are not served at the nodes', async () => {
    const moduleId = await register('safe', '1.0.0', { access: 'keys', pathPrefix: '/safe' });
    expect(await rollOut(moduleId, 'AllAtOnce')).toMatchObject({ status: 'Completed' });
    const authorization = `Bearer ${cluster.token}`;
    expect((await get(throughServer('safe'))).status).toBe(401);
    expect(await get(throughServer('safe'), { authorization })).toEqual(hello);
    for (const url of cluster.httpUrls.values()) {
      const refused = await get(`${url}/safe/`, { authorization });
      expect([refused.status, (JSON.parse(refused.body) as { code: string }).code]).toEqual([
        401,
        'HS_HTTP_UNAUTHORIZED',
      ]);
    }
  });

  it('are rolled back for what their requests come to, behind a green health check', async () => {
    const moduleId = await register('hello', '2.0.0', { access: 'public', pathPrefix: '/hello' });
    const urls = [throughServer('hello'), ...[...cluster.httpUrls.values()].map((url) => `${url}/hello/`)];
    const seen = { good: 0, bad: 0, strange: 0 };
    let running = true;
    const clients = Array.from({ length: 4 }, async (_, client) => {
      for (let at = 0; running; at++) {
        const user = `${String(client)}-${String(at)}`;
        const { status, body } = await get(urls[at % urls.length] as string, { 'x-user': user });
        if (status === 200 && /^(?:Hello|Welcome)/.test(body)) seen.good++;
        else if (status === 500) seen.bad++;
        else seen.strange++;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    });
    const stages = { stages: [50, 100], evaluationPeriod: 'PT4S', autoPromote: true };
    const deployment = await rollOut(moduleId, 'Canary', stages);
    running = false;
    await Promise.all(clients);
    expect(deployment).toMatchObject({ status: 'RolledBack', moduleId });
    expect(deployment.reason).toMatch(/error|crash/i);
    expect(seen.strange).toBe(0);
    expect(seen.bad).toBeGreaterThan(0);
    for (let at = 0; at < 20; at++)
      for (const url of urls) expect(await get(url, { 'x-user': `after-${String(at)}` })).toEqual(hello);
  });
});
