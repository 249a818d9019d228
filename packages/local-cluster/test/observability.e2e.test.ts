import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses } from '@hotswap/protocol';
import { commandOf } from '../../../scripts/services/held-program.ts';
import { RealPrometheus } from '../../../scripts/services/real-prometheus.ts';

const deploy = fileURLToPath(new URL('../../../deploy/', import.meta.url));
const nodes = ['us-east', 'us-west'].map((region) => ({ nodeId: `watched-${region}`, region, zone: `${region}-1a` }));

interface Metric {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

describe('the rules of deploy/prometheus', () => {
  const promtool = async (...args: readonly string[]): Promise<string> => {
    const [program, ...first] = await commandOf('promtool');
    return (await promisify(execFile)(program, [...first, ...args], { cwd: join(deploy, 'prometheus') })).stdout;
  };
  const filesOf = async (folder: string): Promise<readonly string[]> =>
    (await readdir(join(deploy, 'prometheus', folder))).map((name) => join(folder, name));

  it('are rules', async () => {
    const files = await filesOf('rules');
    const found = await promtool('check', 'rules', ...files);
    expect(found.match(/SUCCESS: \d+ rules found/g)).toHaveLength(files.length);
  });

  it('belong to a configuration that Prometheus takes, with the job wasm-orchestrator each 15 s', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hotswap-prometheus-config-'));
    const config = await readFile(join(deploy, 'prometheus', 'prometheus.yml'), 'utf8');
    expect(config).toMatch(/scrape_interval: 15s[^]*job_name: wasm-orchestrator/);
    await writeFile(join(folder, 'key'), 'hs_key');
    const [key, rules] = [join(folder, 'key'), join(deploy, 'prometheus', 'rules')];
    await writeFile(
      join(folder, 'prometheus.yml'),
      config.replace('/etc/prometheus/hotswap-metrics.key', key).replace('- rules/', `- ${rules}/`),
    );
    expect(await promtool('check', 'config', join(folder, 'prometheus.yml'))).toContain('3 rule files found');
    await rm(folder, { recursive: true, force: true });
  });

  it('fire where they should and nowhere else', async () => {
    const files = await filesOf('tests');
    expect((await promtool('test', 'rules', ...files)).match(/SUCCESS/g)).toHaveLength(files.length);
  });
});

describe('a Prometheus that scrapes a server and its nodes', () => {
  let cluster: LocalCluster;
  let prometheus: RealPrometheus;
  let dataDirectory: string;

  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-watched-'));
    const [prometheusPort = 0, ...metricsPorts] = await freePorts(1 + nodes.length);
    cluster = await startLocalCluster({
      dataDirectory,
      nodes,
      agentEnv: (nodeId) => ({
        HOTSWAP_AGENT_METRICS_PORT: String(metricsPorts[nodes.findIndex((node) => node.nodeId === nodeId)]),
      }),
    });
    const { key } = await cluster.client.auth.keys.create({ name: 'Prometheus', role: 'metrics' });
    prometheus = await RealPrometheus.start(
      JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        rule_files: [join(deploy, 'prometheus', 'rules', '*.yml')],
        scrape_configs: [
          {
            job_name: 'wasm-orchestrator',
            authorization: { credentials: key },
            static_configs: [{ targets: [new URL(cluster.url).host] }],
          },
          {
            job_name: 'wasm-edge-nodes',
            static_configs: [{ targets: metricsPorts.map((port) => `127.0.0.1:${port}`) }],
          },
        ],
      }),
      prometheusPort,
    );
  });

  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    await cluster.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const query = async (expression: string): Promise<number | undefined> => {
    const { result } = await prometheus.ask<{ readonly result: readonly Metric[] }>('query', { query: expression });
    return result[0] === undefined ? undefined : Number(result[0].value[1]);
  };
  const firing = async (): Promise<readonly string[]> => {
    const { alerts } = await prometheus.ask<{
      readonly alerts: readonly { readonly state: string; readonly labels: { readonly alertname: string } }[];
    }>('alerts');
    return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname);
  };
  const rollOut = async (version: string, expected: string): Promise<string> => {
    const { moduleId } = await cluster.client.modules.register({
      name: 'greeter',
      version,
      wasm: await readFile(exampleModule('greeter', '1.0.0').path),
      healthCheck: { expected },
    });
    const { deploymentId } = await cluster.client.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await cluster.client.deployments.execute(deploymentId);
    const status = async () => (await cluster.client.deployments.get(deploymentId)).status;
    await expect
      .poll(status, { timeout: 60_000 })
      .toSatisfy((now: string) => (finalStatuses as readonly string[]).includes(now));
    return status();
  };
  const within = { timeout: 40_000, interval: 250 };

  it('finds all of them', async () => {
    await expect.poll(() => query('count(up == 1)'), within).toBe(3);
    await expect.poll(() => query('max(wasm_edge_nodes_healthy)'), within).toBe(2);
    expect(await query('count(wasm_node_info)')).toBe(2);
    expect(await query('count(wasm_host_memory_total_bytes)')).toBe(3);
  });

  it('is told by the rules of a deployment that failed, and of nothing before it', async () => {
    expect(await rollOut('1.0.0', 'OK')).toBe('Completed');
    await expect.poll(() => query('sum(wasm_deployments_total{status="Completed"})'), within).toBe(1);
    expect(await firing()).not.toContain('DeploymentFailed');
    expect(await rollOut('2.0.0', 'something else')).toBe('RolledBack');
    await expect.poll(firing, within).toContain('DeploymentFailed');
    expect(await query('sum(wasm_deployments_failed_total)')).toBe(1);
  });

  it('counts the same calls on the nodes and at the server', async () => {
    for (let calls = 0; calls < 30; calls++) await cluster.client.modules.invoke('greeter', 'greet', { args: ['Ada'] });
    await expect.poll(() => query('sum(wasm_node_calls_total{module="greeter"})'), within).toBe(30);
    await expect.poll(() => query('sum(wasm_functions_invoked_total{module="greeter"})'), within).toBe(30);
    expect(await query('sum(wasm_module_load_duration_count)')).toBeGreaterThanOrEqual(2);
    expect(await query('sum(wasm_function_invoke_duration_count)')).toBe(30);
    await expect.poll(() => query('sum(wasmwiz_wasm_executions_total)'), within).toBe(30);
  });

  it('can answer every panel of the dashboards, of metrics that there are', async () => {
    const { groups } = await prometheus.ask<{
      readonly groups: readonly { readonly rules: readonly { readonly name: string }[] }[];
    }>('rules');
    const known = new Set([
      ...Object.keys(await prometheus.ask<object>('metadata')),
      ...groups.flatMap(({ rules }) => rules.map(({ name }) => name)),
    ]);
    const folder = join(deploy, 'grafana', 'dashboards');
    const expressions = new Set<string>();
    for (const name of await readdir(folder)) {
      const { panels } = JSON.parse(await readFile(join(folder, name), 'utf8')) as {
        readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
      };
      for (const { expr } of panels.flatMap(({ targets }) => targets)) expressions.add(expr);
    }
    expect(expressions.size).toBeGreaterThan(60);
    const unknown = new Set<string>();
    for (const expression of expressions) {
      const filledIn = expression.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.+');
      await prometheus.ask('query', { query: filledIn });
      // Those of an extractor come from the program that embeds it; its own test compares them.
      for (const [name] of expression.matchAll(/\bwasm(?:wiz)?_\w+/g))
        if (!known.has(name) && !known.has(name.replace(/_(?:bucket|sum|count)$/, ''))) unknown.add(name);
    }
    expect([...unknown]).toEqual([]);
  });
});

/** Ports of this machine that nobody has at the moment. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
