import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnDatabase } from '../../../scripts/services/own-database.ts';
import { programFile } from '../../../scripts/services/program-file.ts';
import { startServices } from '../../../scripts/services.mjs';
import { runCommandLine } from './run-command-line.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const run = promisify(execFile);
const names = ['edge-1', 'edge-2'];

describe('an installation that has lost its machine', () => {
  let services: Awaited<ReturnType<typeof startServices>>;
  let folder: string;
  let env: NodeJS.ProcessEnv;
  let own: OwnDatabase;
  let test: TestServer;
  let agents: ScriptedAgent[] = [];

  const start = async (name: string, port: number): Promise<TestServer> =>
    startTestServer({ dataDir: join(folder, name), port, databaseUrl: own.url }, { database: { url: own.url } });
  const script = (name: string, ...args: readonly string[]): ReturnType<typeof run> =>
    run(at(`deploy/scripts/${name}`), [...args], { env });
  const nodesNow = async (): Promise<unknown> =>
    (await test.client.nodes.list()).nodes.map(({ nodeId, region, status }) => [nodeId, region, status]).sort();

  beforeAll(async () => {
    services = await startServices();
    const server = services.environment.HOTSWAP_TEST_POSTGRES_URL ?? expect.unreachable(services.missing.join('; '));
    own = await OwnDatabase.create(server);
    folder = await mkdtemp(join(tmpdir(), 'hotswap-recovery-'));
    env = {
      PATH: process.env['PATH'],
      DATABASE_URL: own.url,
      BACKUP_DIR: join(folder, 'backups'),
      PG_DUMP: await programFile(folder, 'pg_dump'),
      PSQL: await programFile(folder, 'psql'),
    };
    test = await start('first', 0);
    const { token } = await test.client.nodes.createJoinToken({ uses: names.length });
    agents = names.map((nodeId) => new ScriptedAgent({ url: test.url, nodeId, region: 'us-east', joinToken: token }));
    await Promise.all(agents.map((agent) => agent.start()));
  }, 300_000);

  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await test[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
    await services.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('is there again after the six steps of the guide: registrations are as they were, nodes reconnect, calls are answered', async () => {
    const { client } = test;
    const wasm = coreModule({ salt: 'kept' });
    const { moduleId } = await client.modules.register({ name: 'greeter', version: '1.0.0', wasm });
    const { deploymentId } = await client.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await client.deployments.execute(deploymentId);
    await expect
      .poll(async () => (await client.deployments.get(deploymentId)).status, { timeout: 20_000 })
      .toBe('Completed');
    const before = { nodes: await nodesNow(), modules: (await client.modules.list()).modules };
    await script('backup.sh', '-m', join(folder, 'first', 'modules'));
    await client.modules.register({ name: 'later', version: '1.0.0', wasm: coreModule({ salt: 'later' }) });
    const { port } = new URL(test.url);
    await test.server.stop();
    await rm(join(folder, 'first'), { recursive: true });

    // 1. the database, 2. the modules, 3. the servers
    await script('restore.sh', '-y', 'latest');
    const archive = (await readdir(join(folder, 'backups'))).find((name) => name.startsWith('wasm-modules-')) ?? '';
    const modules = join(folder, 'second', 'modules');
    await run('mkdir', ['-p', modules]);
    await run('tar', ['-xzf', join(folder, 'backups', archive), '-C', modules]);
    // Nodes may be there before this process hears that the server is.
    const startedAt = Date.now();
    test = await start('second', Number(port));
    // 4. nodes reconnect by themselves, with the credentials that they have
    const heardAgain = async () =>
      (await test.client.nodes.list()).nodes.filter(
        ({ lastHeartbeat }) => Date.parse(lastHeartbeat ?? '') >= startedAt,
      );
    await expect.poll(async () => (await heardAgain()).length, { timeout: 30_000 }).toBe(names.length);
    expect(await nodesNow()).toEqual(before.nodes);
    await expect
      .poll(async () => (await test.client.modules.invoke('greeter', 'run')).moduleId, { timeout: 30_000 })
      .toBe(moduleId);
    expect((await runCommandLine(test, 'nodes')).out).toMatch(/edge-1[^]*edge-2/);
    // 5. modules are there, with their bytes, and nothing that came after the backup
    expect((await test.client.modules.list()).modules).toEqual(before.modules);
    const bytes = await fetch(`${test.url}/api/v1/wasm/modules/${moduleId}/binary`, {
      headers: { authorization: `Bearer ${agents[0]?.credential ?? ''}` },
    });
    expect(Buffer.from(await bytes.arrayBuffer()).equals(wasm)).toBe(true);
    // 6. the smoke test
    const log = join(folder, 'server.log');
    await writeFile(log, '{"level":30,"msg":"the server is ready"}\n');
    const smoke = await run(
      at('deploy/scripts/smoke-test.sh'),
      ['production', '-u', test.url, '-m', 'greeter', '-f', 'run', '-l', log, '-t', '20000'],
      { env: { ...env, HOTSWAP_TOKEN: test.token } },
    );
    expect(smoke.stdout.match(/^ok {6}/gm)).toHaveLength(6);
    // What was retained is restored with the rest: deployments go on from here.
    const next = await test.client.modules.register({
      name: 'greeter',
      version: '1.1.0',
      wasm: coreModule({ salt: '2' }),
    });
    const later = await test.client.deployments.create({ moduleId: next.moduleId, strategy: 'AllAtOnce' });
    await test.client.deployments.execute(later.deploymentId);
    await expect
      .poll(async () => (await test.client.deployments.get(later.deploymentId)).status, { timeout: 20_000 })
      .toBe('Completed');
  }, 180_000);
});
