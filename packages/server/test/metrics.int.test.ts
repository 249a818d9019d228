import { setTimeout as sleep } from 'node:timers/promises';
import { CredentialRepository, openDatabase, type Database } from '@hotswap/state-postgres';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { finalStatuses } from '@hotswap/protocol';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

describe('metrics of a server', () => {
  let test: TestServer;
  let agents: ScriptedAgent[];
  const tokens = new Map<string, string>();
  let dataDir: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-metrics-'));
    await tokensOf(dataDir, tokens);
    test = await startTestServer({ dataDir }, { database: { dataDir: join(dataDir, 'database') } });
    const { token } = await test.client.nodes.createJoinToken({ uses: 3 });
    agents = ['edge-1', 'edge-2', 'edge-3'].map(
      (nodeId) =>
        new ScriptedAgent({
          ...{ url: test.url, nodeId, region: 'us-east', joinToken: token },
          releases: ({ version }) => (version === '2.0.0' ? { health: 'unhealthy' } : {}),
        }),
    );
    await Promise.all(agents.map((agent) => agent.start()));
  });
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
    await rm(dataDir, { recursive: true, force: true });
  });

  const scrape = async (role = 'metrics', path = '/metrics'): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${test.url}${path}`, {
      headers: { authorization: `Bearer ${role === 'admin' ? test.token : (tokens.get(role) ?? '')}` },
    });
    return { status: answer.status, text: await answer.text() };
  };
  const value = async (series: string): Promise<number | undefined> => {
    const line = (await scrape()).text.split('\n').find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  };
  const rollOut = async (version: string, strategy: string): Promise<string> => {
    const { moduleId } = await test.client.modules.register({
      ...{ name: 'greeter', version, wasm: coreModule({ salt: version }) },
    });
    const { deploymentId } = await test.client.deployments.create({ moduleId, strategy, strategyConfig: {} });
    await test.client.deployments.execute(deploymentId);
    for (;;) {
      const { status } = await test.client.deployments.get(deploymentId);
      if (finalStatuses.includes(status)) return status;
      await sleep(20);
    }
  };

  it('are for admins and scrapers alone, and as cheap as one reading for scrapes within a second', async () => {
    expect((await scrape('admin')).status).toBe(200);
    expect((await scrape('metrics')).status).toBe(200);
    for (const role of ['viewer', 'developer', 'invoker']) expect((await scrape(role)).status).toBe(403);
    expect((await scrape('nobody')).status).toBe(401);
    const answer = await fetch(`${test.url}/metrics`, { headers: { authorization: `Bearer ${test.token}` } });
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    await sleep(1_050);
    const before = await value('wasm_database_work_duration_seconds_count');
    for (let scrapes = 0; scrapes < 20; scrapes++) await scrape();
    const after = await value('wasm_database_work_duration_seconds_count');
    // The server itself works meanwhile, but far less than a statement for each scrape.
    expect((after ?? 0) - (before ?? 0)).toBeLessThan(15);
  });

  it('count the fleet, with disabled nodes apart', async () => {
    expect(await value('wasm_edge_nodes_total')).toBe(3);
    expect(await value('wasm_edge_nodes_healthy')).toBe(3);
    await test.client.nodes.update('edge-3', { isEnabled: false });
    await expect.poll(() => value('wasm_edge_nodes_total'), { timeout: 5_000 }).toBe(2);
    expect(await value('wasm_edge_nodes{region="us-east",status="Disabled"}')).toBe(1);
    await test.client.nodes.update('edge-3', { isEnabled: true });
    await expect.poll(() => value('wasm_edge_nodes_healthy'), { timeout: 5_000 }).toBe(3);
  });

  it('count deployments that ended, failed ones apart, from 0 on', async () => {
    expect(await value('wasm_deployments_failed_total{strategy="AllAtOnce"}')).toBe(0);
    expect(await rollOut('1.0.0', 'AllAtOnce')).toBe('Completed');
    await expect
      .poll(() => value('wasm_deployments_total{strategy="AllAtOnce",status="Completed"}'), { timeout: 5_000 })
      .toBe(1);
    expect(await value('wasm_deployments_failed_total{strategy="AllAtOnce"}')).toBe(0);
    expect(await rollOut('2.0.0', 'AllAtOnce')).toBe('RolledBack');
    await expect.poll(() => value('wasm_deployments_failed_total{strategy="AllAtOnce"}'), { timeout: 5_000 }).toBe(1);
    expect(await value('wasm_deployments_total{strategy="AllAtOnce",status="RolledBack"}')).toBe(1);
    expect(await value('wasm_modules_registered_total')).toBe(2);
    // What is counted by asking the database is at most a second old.
    await expect.poll(() => value('wasm_modules'), { timeout: 5_000 }).toBe(2);
    expect(await value('wasm_routes')).toBe(1);
    expect(await value('wasm_deployments_stuck')).toBe(0);
  });

  it('do not call a rollback a failure that somebody asked for', async () => {
    expect(await rollOut('3.0.0', 'AllAtOnce')).toBe('Completed');
    const { deployments } = await test.client.deployments.list();
    const newest = deployments[0]?.deploymentId ?? '';
    await test.client.deployments.rollback(newest, { reason: 'on second thought' });
    await expect
      .poll(() => value('wasm_deployments_total{strategy="AllAtOnce",status="RolledBack"}'), { timeout: 10_000 })
      .toBe(2);
    expect(await value('wasm_deployments_failed_total{strategy="AllAtOnce"}')).toBe(1);
  });

  it('count calls as nodes report them, and answers of the API by route', async () => {
    for (let calls = 0; calls < 5; calls++) await test.client.modules.invoke('greeter', 'greet', { args: ['x'] });
    await expect
      .poll(() => value('wasm_functions_invoked_total{module="greeter",outcome="ok"}'), { timeout: 5_000 })
      .toBe(5);
    expect(await value('wasm_function_invoke_duration_count{module="greeter"}')).toBe(5);
    expect(await value('wasm_function_invoke_duration_bucket{module="greeter",le="0.005"}')).toBe(5);
    expect(await value('wasm_module_peak_memory_bytes{module="greeter"}')).toBe(65_536);
    const route = '/api/v1/wasm/modules/:ref/functions/:function/invoke';
    expect(await value(`wasm_http_requests_total{method="POST",route="${route}",status="200"}`)).toBe(5);
    for (let at = 0; at < 3; at++) await test.send('GET', `/there/is/nothing/${at}`);
    expect(await value('wasm_http_requests_total{method="GET",route="none",status="404"}')).toBe(3);
    expect((await scrape()).text).not.toMatch(/wasm_http_request_duration_seconds_bucket\{[^}]*route="[^"]*\/desired"/);
  });

  it('tell of the machine, the database and the program', async () => {
    const { text } = await scrape();
    expect(text).toContain('wasm_build_info{program="server",version="');
    expect(await value('wasm_database_up')).toBe(1);
    expect(await value('wasm_database_connections_max')).toBe(1);
    for (const name of [
      'cpu_seconds_total',
      'memory_available_bytes',
      'disk_available_bytes',
      'network_receive_bytes_total',
    ])
      expect(text).toMatch(new RegExp(`^wasm_host_${name}(?:\\{[^}]*\\})? \\d`, 'm'));
  });
});

describe('metrics of a server that has them switched off or elsewhere', () => {
  it('are not there', async () => {
    await using test = await startTestServer({ metricsEnabled: false });
    expect((await test.send('GET', '/metrics')).status).toBe(404);
  });

  it('are where the configuration says', async () => {
    await using test = await startTestServer({ metricsPath: '/internal/metrics' });
    expect((await test.send('GET', '/internal/metrics')).status).toBe(200);
    expect((await test.send('GET', '/metrics')).status).toBe(404);
  });
});

/** Keys of roles, put where the server will look for them. */
async function tokensOf(dataDir: string, tokens: Map<string, string>): Promise<void> {
  const database: Database = await openDatabase({ dataDir: join(dataDir, 'database') });
  const credentials = new CredentialRepository(database);
  for (const role of ['viewer', 'developer', 'invoker', 'metrics'] as const)
    tokens.set(role, (await credentials.create({ tenant: 'default', subject: `a ${role}`, role })).token);
  await database[Symbol.asyncDispose]();
}
