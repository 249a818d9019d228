import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, RouteRepository } from '@hotswap/state-postgres';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

describe('a server that stops and starts again', () => {
  let dataDir: string;
  let test: TestServer;
  let agents: ScriptedAgent[] = [];

  const start = (port: number): Promise<TestServer> =>
    startTestServer({ dataDir, port }, { database: { dataDir: join(dataDir, 'database') } });

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-restart-'));
    test = await start(0);
    const { token } = await test.client.nodes.createJoinToken({ uses: 2 });
    agents = ['edge-1', 'edge-2'].map(
      (nodeId) => new ScriptedAgent({ url: test.url, nodeId, region: 'us-east', joinToken: token }),
    );
    await Promise.all(agents.map((agent) => agent.start()));
    for (const version of ['1.0.0', '2.0.0'])
      await test.client.modules.register({ name: 'greeter', version, wasm: coreModule({ salt: version }) });
  });

  afterEach(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('goes on with a rollout where it was, with the same credentials, keys and routes', async () => {
    const first = await test.client.deployments.create({ moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' });
    await test.client.deployments.execute(first.deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(first.deploymentId)).status, { timeout: 10_000 })
      .toBe('Completed');
    const { deploymentId } = await test.client.deployments.create({
      moduleId: 'greeter-v2.0.0',
      strategy: 'Canary',
      strategyConfig: { stages: [50, 100], evaluationPeriod: 'PT10M' },
    });
    await test.client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).running?.kind, { timeout: 10_000 })
      .toBe('wait');

    const { port } = new URL(test.url);
    const { token } = test;
    const stream = await fetch(`${test.url}/api/v1/wasm/events`, { headers: { authorization: `Bearer ${token}` } });
    await test.server.stop();
    await stream.text();
    await expect(fetch(`${test.url}/health/live`)).rejects.toThrow();

    test = await start(Number(port));
    expect(test.token).toBe(token);
    expect((await test.client.deployments.get(deploymentId)).running?.kind).toBe('wait');
    expect(['greeter 1.0.0', 'greeter 2.0.0']).toContain((await test.client.modules.invoke('greeter', 'greet')).result);
    await test.client.deployments.promote(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).stage, { timeout: 10_000 })
      .toBe('50%');
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).running?.kind, { timeout: 10_000 })
      .toBe('wait');
    await test.client.deployments.promote(deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deploymentId)).status, { timeout: 10_000 })
      .toBe('Completed');
    const { entries } = await test.client.deployments.journal(deploymentId);
    expect(
      entries.filter((entry) => entry.type === 'began').map((entry) => (entry.entry as { step: number }).step),
    ).toEqual([
      ...new Set(
        entries.filter((entry) => entry.type === 'began').map((entry) => (entry.entry as { step: number }).step),
      ),
    ]);
  });

  it('does not wait for what a server that was killed has served last', async () => {
    const deployed = await test.client.deployments.create({ moduleId: 'greeter-v1.0.0', strategy: 'AllAtOnce' });
    await test.client.deployments.execute(deployed.deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(deployed.deploymentId)).status, { timeout: 10_000 })
      .toBe('Completed');
    const { port } = new URL(test.url);
    await test.server.stop();
    // What a kill leaves behind: an instance that served an older revision a moment ago.
    const database = await openDatabase({ dataDir: join(dataDir, 'database') });
    const routes = new RouteRepository(database);
    await routes.acknowledge('killed', [{ tenant: 'default', moduleName: 'greeter', revision: 0 }]);
    expect(await routes.servedRevision('default', 'greeter')).toBe(0);
    await database[Symbol.asyncDispose]();
    test = await start(Number(port));
    const next = await test.client.deployments.create({ moduleId: 'greeter-v2.0.0', strategy: 'AllAtOnce' });
    await test.client.deployments.execute(next.deploymentId);
    // Without it the route would count as served only once the killed instance is forgotten, after ten seconds.
    await expect
      .poll(async () => (await test.client.deployments.get(next.deploymentId)).status, { timeout: 6_000 })
      .toBe('Completed');
  });

  it('keeps the bytes of a module that is registered again while another version with them is deleted', async () => {
    const wasm = coreModule({ salt: 'shared' });
    for (let round = 0; round < 10; round++) {
      const old = await test.client.modules.register({ name: 'old', version: `1.0.${round}`, wasm });
      const [, registered] = await Promise.all([
        test.client.modules.delete(old.moduleId),
        test.client.modules.register({ name: 'new', version: `1.0.${round}`, wasm }),
      ]);
      expect(Buffer.from(await test.client.modules.binary(registered.moduleId)).equals(wasm)).toBe(true);
      await test.client.modules.delete(registered.moduleId);
    }
  });

  it('refuses a second server on the same data directory', async () => {
    await expect(start(0)).rejects.toMatchObject({ code: 'HS_STORE_DATA_DIR_LOCKED' });
    expect((await test.client.health()).status).toBe('Healthy');
  });
});

describe('the description of the API', () => {
  it('is whole, and has a page for people', async () => {
    await using test = await startTestServer();
    const { status, body } = await test.send('GET', '/api/openapi.json', { token: null });
    expect([status, body['openapi']]).toEqual([200, '3.1.0']);
    const schemas = Object.keys((body['components'] as { schemas: object }).schemas);
    const references = [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
      (match) => match[1],
    );
    expect(references.filter((name) => !schemas.includes(name ?? ''))).toEqual([]);
    expect(schemas).toEqual(
      expect.arrayContaining(['Module', 'Deployment', 'Node', 'Route', 'Release', 'ProblemDetails']),
    );
    for (const path of ['/api/docs', '/api/docs/docs.js', '/api/docs/docs.css']) {
      const page = await fetch(`${test.url}${path}`);
      expect([page.status, page.headers.get('content-security-policy')]).toEqual([
        200,
        expect.stringContaining("default-src 'none'"),
      ]);
    }
  });
});
