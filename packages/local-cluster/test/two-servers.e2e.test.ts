import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OwnDatabase } from '../../../scripts/services/own-database.ts';
import { startLocalCluster, startProgram, type ChildProgram } from '@hotswap/local-cluster';
import { createHotSwapClient, type NodeLogEvent } from '@hotswap/protocol';

const postgres = process.env['HOTSWAP_TEST_POSTGRES_URL'];

describe('two servers on one data directory', () => {
  let dataDirectory: string;
  let own: OwnDatabase | undefined;
  const programs: ChildProgram[] = [];

  beforeEach(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-two-servers-'));
  });
  afterEach(async () => {
    await Promise.all(programs.splice(0).map((program) => program.stop(10_000)));
    await own?.[Symbol.asyncDispose]();
    own = undefined;
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const startServer = (name: string, env: NodeJS.ProcessEnv): ChildProgram => {
    const program = startProgram({
      name,
      entry: import.meta.resolve('@hotswap/server/main'),
      args: ['--data-dir', dataDirectory, '--host', '127.0.0.1', '--port', '0'],
      logFile: join(dataDirectory, `${name}.log`),
      env: { HOTSWAP_INSTANCE_ID: name, ...env },
    });
    programs.push(program);
    return program;
  };
  const localAdmin = async (): Promise<{ url: string; token: string; pid: number }> =>
    JSON.parse(await readFile(join(dataDirectory, 'local-admin.json'), 'utf8')) as {
      url: string;
      token: string;
      pid: number;
    };
  const isKnown = async (url: string, token: string): Promise<number> =>
    (await fetch(new URL('/api/v1/wasm/nodes', url), { headers: { authorization: `Bearer ${token}` } })).status;

  /** Both, by their addresses. */
  const startBoth = async (): Promise<{
    readonly servers: readonly ChildProgram[];
    readonly urls: ReadonlySet<string>;
  }> => {
    own = await OwnDatabase.create(postgres ?? '');
    const env = { HOTSWAP_DATABASE_URL: own.url };
    const servers = ['first', 'second'].map((name) => startServer(name, env));
    const urls = new Set<string>();
    await expect
      .poll(
        async () => {
          for (const { logFile } of servers) {
            const [, url] = /server at (http:\S+),/.exec(await readFile(logFile, 'utf8').catch(() => '')) ?? [];
            if (url !== undefined) urls.add(url);
          }
          return urls.size;
        },
        { timeout: 60_000, interval: 100 },
      )
      .toBe(2);
    return { servers, urls };
  };

  it('with the embedded database: the second one refuses, and leaves the credential of the first one alone', async () => {
    await using cluster = await startLocalCluster({ dataDirectory, nodes: [] });
    const before = await localAdmin();
    const second = startServer('second', {});
    expect(await second.ended).not.toBe(0);
    expect(await readFile(second.logFile, 'utf8')).toContain('HS_STORE_');
    expect(await localAdmin()).toEqual(before);
    expect(await isKnown(cluster.url, before.token)).toBe(200);
  });

  it.runIf(postgres !== undefined)('with Postgres: both take the one credential of the directory', async () => {
    const { servers, urls } = await startBoth();
    const { token, pid } = await localAdmin();
    expect(servers.map((server) => server.pid)).toContain(pid);
    for (const url of urls) expect(await isKnown(url, token)).toBe(200);
  });

  it.runIf(postgres !== undefined)(
    'with Postgres: both answer for a node, whichever of them its agent is connected to',
    async () => {
      const { urls } = await startBoth();
      const { token } = await localAdmin();
      const clients = [...urls].map((baseUrl) => createHotSwapClient({ baseUrl, token }));
      const [first] = clients;
      const nodeId = 'edge-1';
      const { token: joinToken = '' } = (await first?.nodes.createJoinToken({ uses: 1 })) ?? {};
      programs.push(
        startProgram({
          name: nodeId,
          entry: import.meta.resolve('@hotswap/edge-agent/main'),
          args: ['--node-id', nodeId, '--region', 'us-east', '--orchestrator-api-url', [...urls][0] ?? ''],
          logFile: join(dataDirectory, 'agent.log'),
          env: { HOTSWAP_AGENT_DATA_DIRECTORY: join(dataDirectory, 'agent'), HOTSWAP_AGENT_JOIN_TOKEN: joinToken },
        }),
      );
      await expect
        .poll(async () => (await first?.nodes.get(nodeId).catch(() => undefined))?.status, { timeout: 60_000 })
        .toBe('Healthy');
      for (const client of clients) {
        expect(await client.nodes.checkHealth(nodeId)).toMatchObject({ nodeId, status: 'Healthy', checks: [] });
        const events: NodeLogEvent[] = [];
        for await (const event of client.nodes.logs(nodeId, { follow: false })) events.push(event);
        expect(events).toEqual([]);
      }
    },
  );

  it.runIf(postgres !== undefined)('with Postgres: a policy set at one holds at the other at once', async () => {
    const { urls } = await startBoth();
    const { token } = await localAdmin();
    const [first, second] = [...urls].map((baseUrl) => createHotSwapClient({ baseUrl, token }));
    if (!first || !second) throw new TypeError('two servers were started');
    const { moduleId } = await first.modules.register({
      ...{ name: 'frozen', version: '1.0.0', wasm: Buffer.from('0061736d01000000', 'hex') },
      healthCheck: { enabled: false },
    });
    const { revision } = await first.policy.get();
    const freeze = { from: '2026-01-01T00:00:00Z', until: '2126-01-01T00:00:00Z', reason: 'for good' };
    const set = await first.policy.put({ freezes: [freeze], revision });
    expect(await second.policy.get()).toEqual(set);
    const plan = await second.deployments.simulate({
      deployment: { moduleId, strategy: 'AllAtOnce' },
      fleet: { regions: { 'us-east': 1 } },
    });
    expect(plan.executeRefusal).toMatchObject({
      code: 'HS_DEPLOYMENT_FROZEN',
      allowedAt: '2126-01-01T00:00:00.000Z',
    });
    const both = await Promise.allSettled(
      [first, second].map((client, n) =>
        client.policy.put({ approvals: { '*': { required: n + 1 } }, revision: set.revision }),
      ),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'HS_API_STALE' } });
    expect(await second.policy.get()).toEqual(await first.policy.get());
  });
});
