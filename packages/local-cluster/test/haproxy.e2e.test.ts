import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type CreateDeploymentRequest, type DeploymentView } from '@hotswap/protocol';
import { RealHaproxy } from '../../../scripts/services/real-haproxy.ts';

const nodes = ['a', 'b', 'c'].map((zone) => ({ nodeId: `proxied-${zone}`, region: 'here', zone }));
const callers = 4;
const lines: Readonly<Record<string, string>> = {
  '1.0.0': 'Hello from http-hello 1.0.0',
  '1.1.0': 'Good to see you from http-hello 1.1.0',
};

describe('a canary behind a real HAProxy', () => {
  let cluster: LocalCluster;
  let haproxy: RealHaproxy;
  let dataDirectory: string;

  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-proxied-'));
    haproxy = await RealHaproxy.start({ affinityHeaders: ['x-client'], matchHeaders: ['x-tester'] });
    cluster = await startLocalCluster({
      ...{ dataDirectory, nodes, publicHttp: true },
      agentEnv: () => ({ HOTSWAP_AGENT_TRUSTED_PROXIES: '["127.0.0.1"]' }),
      serverEnv: { HOTSWAP_HAPROXY_SOCKET: haproxy.socket, HOTSWAP_HAPROXY_MAP_FILE: haproxy.mapFile },
    });
    for (const version of Object.keys(lines)) {
      const wasm = await readFile(exampleModule('http-hello', version).path);
      const http = { access: 'public', affinity: { header: 'x-client' } } as const;
      await cluster.client.modules.register({
        name: 'http-hello',
        version,
        wasm,
        http,
        healthCheck: { enabled: false },
      });
    }
    await rollOut({ moduleId: 'http-hello-v1.0.0', strategy: 'AllAtOnce' });
  });

  afterAll(async () => {
    await cluster.stop();
    await haproxy[Symbol.asyncDispose]();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  async function begin(request: CreateDeploymentRequest): Promise<string> {
    const { deployments } = cluster.client;
    const { deploymentId } = await deployments.create(request);
    await deployments.execute(deploymentId);
    return deploymentId;
  }

  async function end(deploymentId: string): Promise<DeploymentView> {
    const { deployments } = cluster.client;
    const hasEnded = async (): Promise<boolean> =>
      (finalStatuses as readonly string[]).includes((await deployments.get(deploymentId)).status);
    await vi.waitUntil(hasEnded, { timeout: 100_000, interval: 100 });
    return deployments.get(deploymentId);
  }

  const rollOut = async (request: CreateDeploymentRequest): Promise<DeploymentView> => end(await begin(request));

  /** What a client was told, or how its request failed. */
  async function ask(client: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    try {
      const answer = await fetch(haproxy.url, { headers: { 'x-client': client, ...headers } });
      const line = await answer.text();
      return answer.status === 200 ? line.trim() : `status ${String(answer.status)}`;
    } catch (error) {
      return String((error as Error).cause ?? error);
    }
  }

  it('fails no request while versions change, and moves no client back', async () => {
    const counts = new Map<string, number>();
    const moved = new Set<string>();
    const back: string[] = [];
    let isOver = false;
    async function visit(caller: number): Promise<void> {
      for (let n = 0; !isOver; n = (n + 1) % 50) {
        const client = `client-${String(caller)}-${String(n)}`;
        const version = await ask(client);
        if (version === lines['1.1.0']) moved.add(client);
        else if (moved.has(client)) back.push(`${client}: ${version}`);
        counts.set(version, (counts.get(version) ?? 0) + 1);
      }
    }
    const visits = Promise.all(Array.from({ length: callers }, (_, caller) => visit(caller)));
    const { status } = await rollOut({
      moduleId: 'http-hello-v1.1.0',
      strategy: 'Canary',
      strategyConfig: { stages: [34, 67, 100], evaluationPeriod: 'PT2S' },
    });
    const during = new Map(counts);
    counts.clear();
    await vi.waitUntil(() => (counts.get(lines['1.1.0'] as string) ?? 0) > 200, { timeout: 20_000 });
    isOver = true;
    await visits;
    expect(status).toBe('Completed');
    expect(back).toEqual([]);
    expect([...during.keys()].sort()).toEqual(Object.values(lines).sort());
    expect([...counts.keys()]).toEqual([lines['1.1.0']]);
    expect(during.get(lines['1.0.0'] as string)).toBeGreaterThan(100);
  });

  it('brings testers to the new version whatever its share, and back with a rollback', async () => {
    const clients = Array.from({ length: 40 }, (_, n) => `client-${String(n)}`);
    const versions = (headers: Readonly<Record<string, string>>): Promise<readonly string[]> =>
      Promise.all(clients.map((client) => ask(client, headers)));
    const tester = { 'x-tester': 'yes' };
    const deploymentId = await begin({
      moduleId: 'http-hello-v1.0.0',
      strategy: 'Canary',
      strategyConfig: { stages: [34, 100], evaluationPeriod: 'PT10M' },
      traffic: { match: [{ header: 'x-tester', value: 'yes' }] },
    });
    await vi.waitUntil(async () => (await versions({})).includes(lines['1.0.0'] as string), { timeout: 60_000 });
    expect(new Set(await versions(tester))).toEqual(new Set([lines['1.0.0']]));
    expect(new Set(await versions({ 'x-tester': 'no' })).size).toBe(2);
    await cluster.client.deployments.rollback(deploymentId, { reason: 'testers have seen it' });
    expect((await end(deploymentId)).status).toBe('RolledBack');
    expect(new Set(await versions(tester))).toEqual(new Set([lines['1.1.0']]));
  });

  it('cannot mirror: requests that come through the proxy would never be compared', async () => {
    const refused = cluster.client.deployments.create({
      moduleId: 'http-hello-v1.0.0',
      strategy: 'Canary',
      traffic: { mirror: { percent: 10 } },
    });
    await expect(refused).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_CANNOT_MIRROR' });
  });
});
