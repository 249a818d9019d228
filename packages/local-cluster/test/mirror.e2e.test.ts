import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { JournalEvent } from '@hotswap/core';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type CreateDeploymentRequest, type DeploymentView } from '@hotswap/protocol';
import { exampleModule } from '@hotswap/example-modules';

const nodes = ['a', 'b', 'c'].map((zone) => ({ nodeId: `mirror-${zone}`, region: 'here', zone }));
const final: readonly string[] = finalStatuses;

describe('mirrored requests', () => {
  let cluster: LocalCluster;
  let dataDirectory: string;
  let ledger: string;
  let outside: Server;
  let outsideUrl: string;
  let reached: number;

  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-mirror-'));
    ledger = join(dataDirectory, 'ledger');
    await mkdir(ledger);
    reached = 0;
    outside = createServer((_request, response) => {
      reached++;
      response.end('paid');
    });
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${String((outside.address() as AddressInfo).port)}`;
    outsideUrl = `http://${host}/pay`;
    cluster = await startLocalCluster({
      dataDirectory,
      nodes,
      agentEnv: () => ({
        HOTSWAP_AGENT_ALLOWED_HOSTS: JSON.stringify([host]),
        HOTSWAP_AGENT_ALLOW_PRIVATE_ADDRESSES: 'true',
        HOTSWAP_AGENT_DIRS: JSON.stringify({ ledger: { Path: ledger, ReadOnly: false } }),
      }),
    });
    const { modules } = cluster.client;
    const lab = await readFile(exampleModule('http-lab', '1.0.0').path);
    const capabilities = { allowedHosts: [host] };
    for (const version of ['1.0.0', '1.1.0'])
      await modules.register({
        name: 'payer',
        version,
        wasm: lab,
        http: {},
        capabilities,
        healthCheck: { enabled: false },
      });
    const book = await readFile(exampleModule('ledger', '1.0.0').path);
    for (const version of ['1.0.0', '1.1.0']) await modules.register({ name: 'ledger', version, wasm: book });
    await rollOut({ moduleId: 'ledger-v1.0.0', strategy: 'AllAtOnce' });
    await rollOut({ moduleId: 'payer-v1.0.0', strategy: 'AllAtOnce' });
  });

  afterAll(async () => {
    await cluster.stop();
    outside.closeAllConnections();
    await new Promise((resolve) => outside.close(resolve));
    await rm(dataDirectory, { recursive: true, force: true });
  });

  async function begin(request: CreateDeploymentRequest): Promise<string> {
    const { deploymentId } = await cluster.client.deployments.create(request);
    await cluster.client.deployments.execute(deploymentId);
    return deploymentId;
  }
  const view = (id: string): Promise<DeploymentView> => cluster.client.deployments.get(id);
  const until = (id: string, is: (deployment: DeploymentView) => boolean): Promise<void> =>
    vi.waitUntil(async () => is(await view(id).catch(() => ({ status: 'away' }) as never)), {
      timeout: 60_000,
      interval: 100,
    }) as unknown as Promise<void>;
  async function rollOut(request: CreateDeploymentRequest): Promise<DeploymentView> {
    const id = await begin(request);
    await until(id, ({ status }) => final.includes(status));
    return view(id);
  }
  const isMirroring = ({ running }: DeploymentView): boolean => running?.kind === 'mirror';
  /** What the mirror came to, as the journal has it. */
  async function mirrorEnd(id: string): Promise<unknown> {
    const { entries } = await cluster.client.deployments.journal(id);
    const events = entries.map(({ entry }) => entry as unknown as JournalEvent);
    const began = events.find((event) => event.type === 'began' && event.effect.kind === 'mirror');
    return events.find((event) => event.type === 'ended' && began?.type === 'began' && event.step === began.step);
  }
  const call = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${cluster.url}/api/v1/wasm/http/payer${path}`, {
      headers: { authorization: `Bearer ${cluster.token}`, ...headers },
    });

  const pay = (): Promise<Response> => call(`/fetch?url=${encodeURIComponent(outsideUrl)}`);

  it('reach nothing outside: the host hears from the version that serves alone, and of the new one once it serves', async () => {
    const id = await begin({
      moduleId: 'payer-v1.1.0',
      strategy: 'AllAtOnce',
      traffic: {
        mirror: { percent: 100, duration: 'PT4S', minimumSamples: 5, maxDifferentPercent: 100, nodes: 2 },
      },
    });
    await until(id, isMirroring);
    const before = reached;
    for (let n = 0; n < 20; n++) {
      const answer = await pay();
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('paid')]);
    }
    await until(id, ({ mirrored }) => mirrored?.copied === 20);
    expect((await view(id)).mirrored).toEqual({ copied: 20, equal: 0, different: 20, failed: 0, skipped: 0 });
    expect(reached - before).toBe(20);
    const metrics = await fetch(`${cluster.url}/metrics`, { headers: { authorization: `Bearer ${cluster.token}` } });
    expect(await metrics.text()).toContain('wasm_gateway_mirrored_total{outcome="different"} 20\n');
    await until(id, ({ status }) => final.includes(status));
    expect(await view(id)).toMatchObject({ status: 'Completed' });
    expect(await view(id)).not.toHaveProperty('mirrored');
    expect(await mirrorEnd(id)).toMatchObject({
      result: { ok: true, value: { verdict: 'Passed', equal: 0, different: 20, failed: 0 } },
      facts: { examples: [{ call: 'GET', at: 'status', live: '200', mirrored: '502' }] },
    });
    const granted = await pay();
    const { releaseId } = await view(id);
    expect([granted.status, granted.headers.get('x-hotswap-version')]).toEqual([200, releaseId]);
    expect(reached - before).toBe(21);
  });

  it('write no file, and the same release writes one once it serves', async () => {
    const id = await begin({
      moduleId: 'ledger-v1.1.0',
      strategy: 'AllAtOnce',
      release: { capabilities: { dirs: [{ name: 'ledger', guestPath: '/ledger', readOnly: false }] } },
      traffic: { mirror: { percent: 100, duration: 'PT3S', minimumSamples: 10 } },
    });
    await until(id, isMirroring);
    for (let n = 0; n < 20; n++) await cluster.client.modules.invoke('ledger', 'enter', { args: [] });
    await until(id, ({ running }) => running?.kind !== 'mirror');
    expect(await mirrorEnd(id)).toMatchObject({ result: { ok: true, value: { verdict: 'Passed', equal: 20 } } });
    expect(await readdir(ledger)).toEqual([]);
    await until(id, ({ status }) => final.includes(status));
    await cluster.client.modules.invoke('ledger', 'enter', { args: [] });
    expect(await readdir(ledger)).toEqual(['entry']);
  });

  it('that differ bring the rollout to an end before anybody got an answer of the new version', async () => {
    await cluster.client.modules.register({
      name: 'greeter',
      version: '1.0.0',
      wasm: await readFile(exampleModule('greeter', '1.0.0').path),
    });
    await cluster.client.modules.register({
      name: 'greeter',
      version: '1.1.0',
      wasm: await readFile(exampleModule('greeter', '1.1.0').path),
    });
    await rollOut({ moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' });
    const id = await begin({
      moduleId: 'greeter-v1.1.0',
      strategy: 'Canary',
      strategyConfig: { stages: [100], evaluationPeriod: 'PT1S' },
      traffic: { mirror: { percent: 100, duration: 'PT1M', minimumSamples: 10 } },
    });
    await until(id, isMirroring);
    for (let n = 0; n < 15; n++)
      expect(await cluster.client.modules.invoke('greeter', 'greet', { args: ['Ada'] })).toMatchObject({
        moduleId: 'greeter-v1.0.0',
        result: 'Hello, Ada!',
      });
    await until(id, ({ status }) => final.includes(status));
    expect(await view(id)).toMatchObject({
      status: 'RolledBack',
      reason: expect.stringMatching(/of 1\d mirrored answers differ, above 0 %/) as string,
    });
  });

  it('go on where they were after the server is killed, and nothing of them stays behind', async () => {
    const id = await begin({
      moduleId: 'greeter-v1.1.0',
      strategy: 'AllAtOnce',
      traffic: { mirror: { percent: 100, duration: 'PT20S', minimumSamples: 10, maxDifferentPercent: 100, nodes: 2 } },
    });
    await until(id, isMirroring);
    const greet = () => cluster.client.modules.invoke('greeter', 'greet', { args: ['Ada'] });
    for (let n = 0; n < 10; n++) await greet();
    // A pause stops the clock and nothing else, however long the new server takes.
    await cluster.client.deployments.pause(id);
    await cluster.server.kill();
    await cluster.restartServer();
    await cluster.waitForNodes(nodes.length);
    expect(isMirroring(await view(id))).toBe(true);
    for (let n = 0; n < 20; n++) await greet();
    await sleep(1_500);
    await cluster.client.deployments.resume(id);
    await until(id, ({ status }) => final.includes(status));
    expect((await view(id)).status).toBe('Completed');
    expect(await mirrorEnd(id)).toMatchObject({ result: { ok: true, value: { verdict: 'Passed' } } });
    expect((await greet()).moduleId).toBe('greeter-v1.1.0');
    const { releases } = await cluster.client.releases.list({ moduleName: 'greeter' });
    const { targets } = await cluster.client.routes.get('greeter');
    expect(targets.every(({ releaseId }) => releases.some((release) => release.releaseId === releaseId))).toBe(true);
  });

  it('go on on another node when the one that answers them is lost', async () => {
    const id = await begin({
      moduleId: 'greeter-v1.0.0',
      strategy: 'Canary',
      strategyConfig: { stages: [100], evaluationPeriod: 'PT1S' },
      traffic: {
        mirror: {
          percent: 100,
          duration: 'PT5S',
          minimumSamples: 10,
          maxDifferentPercent: 100,
          maxFailedPercent: 50,
          nodes: 2,
        },
      },
    });
    await until(id, isMirroring);
    await cluster.client.deployments.pause(id);
    await cluster.agents.get('mirror-a')?.kill();
    for (let n = 0; n < 60; n++) {
      try {
        const { moduleId } = await cluster.client.modules.invoke('greeter', 'greet', { args: ['Ada'] });
        expect(moduleId).toBe('greeter-v1.1.0');
      } catch (error) {
        // Of a call that the node had got nobody knows whether it ran, mirror or not.
        expect(error).toMatchObject({ code: 'HS_ROUTE_NODE_LOST' });
      }
    }
    await cluster.restartAgent('mirror-a');
    await sleep(1_500);
    await cluster.client.deployments.resume(id);
    await until(id, ({ status }) => final.includes(status));
    expect(await mirrorEnd(id)).toMatchObject({ result: { ok: true, value: { verdict: 'Passed' } } });
    expect((await view(id)).status).toBe('Completed');
  });
});
