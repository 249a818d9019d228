import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { defaultResourceLimits, type DesiredRelease, type ModuleHttp } from '@hotswap/core';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from './agent-fixture.ts';
import { AgentProcess, isRunning, programs } from './agent-process.ts';
import { desiredModule, desiredRelease } from './node-fixture.ts';

const openHttp: ModuleHttp = { hosts: [], pathPrefix: '/hello', access: 'public', affinity: null };

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly version: string;
}

async function get(url: string, headers: Readonly<Record<string, string>> = {}, agent?: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, ...(agent === undefined ? {} : { agent }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8'),
          version: String(response.headers['x-hotswap-version']),
        }),
      );
    });
    call.on('error', reject);
    call.end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('modules that serve HTTP on a node', () => {
  beforeAll(() => buildExampleModules(), 120_000);

  async function started(env: Readonly<Record<string, string>> = {}): Promise<AgentProcess> {
    const agent = await AgentProcess.create(programs.real);
    agent.start(env);
    await waitFor(() => agent.server.heartbeats.length > 0, 20_000);
    return agent;
  }

  async function release(
    agent: AgentProcess,
    name: string,
    version: string,
    weight: number,
    more: Partial<DesiredRelease> = {},
  ): Promise<DesiredRelease> {
    const bytes = await readFile(exampleModule(name, version).path);
    return desiredRelease({
      releaseId: `${name}-${version}`,
      weight,
      http: openHttp,
      ...agent.server.store(`${name}-v${version}`, bytes),
      ...more,
    });
  }

  async function applied(
    agent: AgentProcess,
    generation: number,
    ...releases: readonly DesiredRelease[]
  ): Promise<void> {
    agent.server.wish(generation, desiredModule('hello', generation, ...releases));
    await waitFor(() => agent.server.observedGeneration === generation, 30_000);
  }

  async function authorized(agent: AgentProcess): Promise<Readonly<Record<string, string>>> {
    return { authorization: `Bearer ${await agent.server.invokeToken()}` };
  }

  it('are reached by the server with its token, pinned or not, and by nobody else', async () => {
    await using agent = await started();
    const { server } = agent;
    await applied(
      agent,
      1,
      await release(agent, 'http-hello', '1.0.0', 100),
      await release(agent, 'http-hello', '1.1.0', 0),
    );
    const url = `${server.dataPlaneUrl}/http/hello/`;
    const headers = await authorized(agent);
    expect(await get(url, headers)).toMatchObject({ status: 200, version: 'http-hello-1.0.0' });
    expect(await get(url, { ...headers, 'x-hotswap-version': 'http-hello-1.1.0' })).toMatchObject({
      status: 200,
      version: 'http-hello-1.1.0',
    });
    expect(await get(url, { ...headers, 'x-hotswap-version': 'http-hello-9.9.9' })).toMatchObject({ status: 421 });
    expect(await get(`${server.dataPlaneUrl}/http/nobody/`, headers)).toMatchObject({ status: 421 });
    expect(await get(url)).toMatchObject({ status: 401 });
    expect(await get(url, { authorization: 'Bearer nonsense' })).toMatchObject({ status: 401 });
    expect(await get(`${server.dataPlaneUrl}/health`)).toMatchObject({ status: 200 });
  });

  it('are reached by anyone on the public port where they say so, and answer 401 where they do not', async () => {
    const port = await freePort();
    await using agent = await started({ HOTSWAP_AGENT_HTTP_PORT: String(port) });
    agent.server.wish(
      1,
      desiredModule('hello', 1, await release(agent, 'http-hello', '1.0.0', 100)),
      desiredModule(
        'safe',
        1,
        await release(agent, 'http-hello', '1.1.0', 100, {
          http: { ...openHttp, pathPrefix: '/safe', access: 'keys' },
        }),
      ),
    );
    await waitFor(() => agent.server.observedGeneration === 1, 30_000);
    const url = `http://127.0.0.1:${String(port)}`;
    expect(await get(`${url}/hello/`)).toMatchObject({ status: 200, version: 'http-hello-1.0.0' });
    const refused = await get(`${url}/safe/`, await authorized(agent));
    expect(refused.status).toBe(401);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'HS_HTTP_UNAUTHORIZED' });
    for (const path of ['/health', '/http/hello/', '/invoke/hello/health-check'])
      expect((await get(url + path, await authorized(agent))).status).toBe(404);
  });

  it('are counted in heartbeats: errors, traps and how long they took', async () => {
    await using agent = await started();
    await applied(agent, 1, await release(agent, 'http-lab', '1.0.0', 100));
    const headers = await authorized(agent);
    const url = `${agent.server.dataPlaneUrl}/http/hello`;
    for (const path of ['/hello', '/hello', '/status?code=404', '/status?code=500', '/trap', '/trap-mid-body'])
      await get(url + path, headers).catch(() => undefined);
    await waitFor(() => agent.server.calls.get('http-lab-1.0.0')?.calls === 6);
    expect(agent.server.calls.get('http-lab-1.0.0')).toEqual({ calls: 6, errors: 3, crashes: 2 });
  });

  it('are swapped under load without a lost request', async () => {
    const port = await freePort();
    await using agent = await started({ HOTSWAP_AGENT_HTTP_PORT: String(port) });
    await applied(agent, 1, await release(agent, 'http-hello', '1.0.0', 100));
    const headers = await authorized(agent);
    const urls = [`${agent.server.dataPlaneUrl}/http/hello/`, `http://127.0.0.1:${String(port)}/hello/`];
    const connections = new Agent({ keepAlive: true, maxSockets: 8 });
    const seen = { count: 0, failed: 0 };
    let running = true;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      while (running) {
        const answer = await get(urls[client % 2] as string, headers, connections).catch(() => undefined);
        if (answer?.status !== 200) seen.failed++;
        seen.count++;
      }
    });
    for (let generation = 2; generation <= 15; generation++) {
      const version = generation % 2 === 0 ? '1.1.0' : '1.0.0';
      const next = await release(agent, 'http-hello', version, 100, { releaseId: `r${String(generation)}` });
      await applied(agent, generation, next);
    }
    running = false;
    await Promise.all(clients);
    connections.destroy();
    expect(seen.failed).toBe(0);
    expect(seen.count).toBeGreaterThan(200);
  });

  it('let a request end whose release is dropped', async () => {
    await using agent = await started();
    const limits = { ...defaultResourceLimits, maxExecutionTime: 'PT30S' };
    await applied(agent, 1, await release(agent, 'http-lab', '1.0.0', 100, { resourceLimits: limits }));
    const slow = get(`${agent.server.dataPlaneUrl}/http/hello/stream?n=10&ms=150`, await authorized(agent));
    await new Promise((resolve) => setTimeout(resolve, 100));
    await applied(agent, 2, await release(agent, 'http-hello', '1.0.0', 100));
    expect(await get(`${agent.server.dataPlaneUrl}/http/hello/`, await authorized(agent))).toMatchObject({
      version: 'http-hello-1.0.0',
    });
    const { status, body, version } = await slow;
    expect([status, version, body.trim().split('\n').length]).toEqual([200, 'http-lab-1.0.0', 10]);
  });

  it('serve their last generation again within two seconds after the worker was killed in a request', async () => {
    await using agent = await started();
    await applied(agent, 1, await release(agent, 'http-lab', '1.0.0', 100));
    const headers = await authorized(agent);
    const url = `${agent.server.dataPlaneUrl}/http/hello`;
    const cut = get(`${url}/sleep?ms=4000`, headers).then(
      () => 'answered',
      () => 'cut',
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    const worker = agent.workerId;
    const killedAt = performance.now();
    process.kill(worker, 'SIGKILL');
    expect(await cut).toBe('cut');
    let backAfterMs = Number.POSITIVE_INFINITY;
    await waitFor(async () => {
      const answer = await get(`${url}/hello`, headers).catch(() => undefined);
      backAfterMs = performance.now() - killedAt;
      return answer?.status === 200 && answer.version === 'http-lab-1.0.0';
    });
    expect(isRunning(worker)).toBe(false);
    // The promise to operators; measured at about half a second on an idle machine.
    expect(backAfterMs).toBeLessThan(2_000);
  });
});
