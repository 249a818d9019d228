import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createHotSwapClient, type CreateDeploymentRequest } from '@hotswap/protocol';
import { runCommandLine } from './run-command-line.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const wit = (version: string): string => `package acme:img@${version};\ninterface resize { scale: func(to: u32); }\n`;
const passwords = { HOTSWAP_PASSWORD: 'nine lazy giraffes', HOTSWAP_NEW_PASSWORD: 'nine lazy giraffes' };

/** A way to run a command: its arguments, once what it is about is there, and what it ends with. Default 0. */
type Case = readonly [command: string, args: () => Promise<readonly string[]> | readonly string[], code?: number];

const listed = (cases: readonly Case[]) =>
  cases.map(([command, argsOf, code = 0], n) => ({ command, argsOf, code, n }));

describe('every command with --output json', () => {
  let test: TestServer;
  let agent: ScriptedAgent;
  let directory: string;
  let developer: string;
  let count = 0;

  const cli = (...args: readonly string[]) =>
    runCommandLine({ url: test.url, token: test.token, env: { ...passwords, XDG_CONFIG_HOME: directory } }, ...args);
  const file = (name: string): string => join(directory, name);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-documents-'));
    test = await startTestServer();
    const { token } = await test.client.nodes.createJoinToken({ uses: 1 });
    const resources = { cpuUsagePercent: 7, memoryUsageMB: 8, modulesLoaded: 9 };
    agent = new ScriptedAgent({
      ...{ url: test.url, nodeId: 'edge-1', region: 'us-east', joinToken: token },
      releases: (release) => ({ broken: release.version === '9.0.0' }),
      questions: async (path) =>
        path === '/node/logs' ? { lines: [], next: '0badcafe.n0', hasMore: false } : { checks: [], resources },
    });
    await agent.start();
    for (const one of ['1.0.0', '2.0.0', '9.0.0'])
      for (const name of ['shop', 'cart'])
        await test.client.modules.register({ name, version: one, wasm: coreModule({ salt: `${name} ${one}` }) });
    const { auth } = test.client;
    const dev = { username: 'dev', password: 'nine lazy giraffes' };
    await auth.users.create({ ...dev, role: 'developer' });
    developer = (await auth.login(dev)).token;
    await deploy('shop-v1.0.0');
    await writeFile(file('policy.json'), '{}');
    await writeFile(file('old.wit'), wit('1.0.0'));
    await writeFile(file('new.wit'), wit('1.1.0').replace('u32', 'u64'));
    await writeFile(file('greeter-1.0.0.wasm'), coreModule());
    const deployment = { moduleId: 'm-v1.0.0', strategy: 'AllAtOnce' };
    await writeFile(file('scenario.json'), JSON.stringify({ deployment, fleet: { regions: { a: 2 } } }));
  });

  /** Hooks wait, too, and may not poll. */
  const until = (look: () => Promise<unknown>, wanted: unknown): Promise<void> =>
    vi.waitFor(async () => expect(await look()).toEqual(wanted), { timeout: 20_000, interval: 50 });

  /** No deployment stands in the way of the next one. */
  afterEach(async () => {
    for (const status of ['Pending', 'PendingApproval', 'InProgress', 'Paused'] as const)
      for (const { deploymentId } of (await test.client.deployments.list({ status })).deployments)
        await test.client.deployments.abort(deploymentId);
    await until(async () => (await test.client.deployments.list({ status: 'RollingBack' })).deployments, []);
  });

  afterAll(async () => {
    await agent.stop();
    await test[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  });

  const reached = async (deploymentId: string, status: string): Promise<string> => {
    await until(async () => (await test.client.deployments.get(deploymentId)).status, status);
    return deploymentId;
  };
  const created = async (more: Partial<CreateDeploymentRequest> = {}): Promise<string> =>
    (await test.client.deployments.create({ moduleId: 'shop-v2.0.0', strategy: 'AllAtOnce', ...more })).deploymentId;
  const deploy = async (moduleId: string): Promise<string> => {
    const id = await created({ moduleId });
    await test.client.deployments.execute(id);
    return reached(id, 'Completed');
  };
  const waiting = async (): Promise<string> => {
    const config = { stages: [50, 100], evaluationPeriod: 'PT5M' };
    const id = await created({ strategy: 'Canary', strategyConfig: config });
    await test.client.deployments.execute(id);
    await until(async () => (await test.client.deployments.get(id)).running?.kind, 'wait');
    return id;
  };
  const paused = async (): Promise<string> => {
    const id = await waiting();
    await test.client.deployments.pause(id);
    return reached(id, 'Paused');
  };
  const failed = async (): Promise<string> => {
    const id = await created({ moduleId: 'shop-v9.0.0', strategy: 'Rolling' });
    await test.client.deployments.execute(id);
    return reached(id, 'Paused');
  };
  const awaiting = async (): Promise<string> => {
    await test.client.policy.put({ approvals: { '*': { required: 1 } } });
    const asked = { moduleId: 'shop-v2.0.0', strategy: 'AllAtOnce' };
    const { deploymentId } = await createHotSwapClient({ baseUrl: test.url, token: developer }).deployments.create(
      asked,
    );
    await test.client.policy.put({});
    return deploymentId;
  };
  const train = async (): Promise<string> => {
    const moduleIds = ['shop-v2.0.0', 'cart-v1.0.0'];
    return (await test.client.trains.create({ moduleIds, strategy: 'AllAtOnce' })).trainId;
  };
  /** One of a package of its own. */
  const registered = async (): Promise<string> => {
    const name = `acme:img${String(++count)}`;
    await test.client.interfaces.register({ name, version: '1.0.0', wit: wit('1.0.0').replace('acme:img', name) });
    return `${name}@1.0.0`;
  };
  /** One that breaks what is there. */
  const undecided = async (): Promise<string> => {
    const [name = ''] = (await registered()).split('@');
    const text = wit('1.1.0').replace('acme:img', name).replace('u32', 'u64');
    await test.client.interfaces.register({ name, version: '1.1.0', wit: text });
    return `${name}@1.1.0`;
  };
  const key = async (): Promise<string> => (await test.client.auth.keys.create({ name: 'ci', role: 'invoker' })).keyId;
  const user = async (): Promise<string> => {
    const request = { username: `user${String(++count)}`, password: 'nine lazy giraffes', role: 'viewer' as const };
    return (await test.client.auth.users.create(request)).userId;
  };
  const login = async (): Promise<readonly string[]> => {
    const username = `user${String(++count)}`;
    await test.client.auth.users.create({ username, password: 'nine lazy giraffes', role: 'viewer' });
    return [username];
  };
  const releases = async (): Promise<readonly string[]> => {
    await created();
    return (await test.client.releases.list({ moduleName: 'shop', limit: 2 })).releases.map((one) => one.releaseId);
  };
  const share = async (): Promise<readonly string[]> => {
    const [release] = (await test.client.routes.get('shop')).releases;
    return ['shop', `${release?.releaseId ?? ''}=100`];
  };

  const cases: readonly Case[] = [
    ['push', () => [file('greeter-1.0.0.wasm')]],
    ['deploy', () => ['shop-v2.0.0', '--strategy', 'AllAtOnce', '--no-execute']],
    ['deploy', () => ['shop-v2.0.0', 'cart-v1.0.0', '--strategy', 'AllAtOnce', '--no-execute']],
    ['deploy', () => ['shop-v9.0.0', '--strategy', 'Rolling', '--watch'], 4],
    ['plan', () => ['shop-v2.0.0', '--strategy', 'AllAtOnce']],
    ['plan', () => ['shop-v2.0.0', 'cart-v1.0.0', '--strategy', 'AllAtOnce']],
    ['simulate', () => [file('scenario.json')]],
    ['status', async () => [await created()]],
    ['status', async () => [await train()]],
    ['status', async () => [await paused(), '--watch'], 4],
    ['execute', async () => [await created()]],
    ['execute', async () => [await train(), '--watch']],
    ['approve', async () => [await awaiting()]],
    ['reject', async () => [await awaiting()]],
    ['pause', async () => [await waiting()]],
    ['resume', async () => [await paused()]],
    ['promote', async () => [await waiting()]],
    ['retry', async () => [await failed()]],
    ['abort', async () => [await waiting(), '--watch'], 3],
    ['abort', async () => [await train()]],
    ['rollback', async () => [await waiting()]],
    ['undo', async () => [await deploy('shop-v1.0.0'), '--watch'], 3],
    ['releases list', () => []],
    ['releases diff', releases],
    ['doctor', () => []],
    ['why', async () => [await created()]],
    ['why', async () => [await train()]],
    ['audit list', () => []],
    ['audit verify', () => []],
    ['login', login],
    ['logout', () => []],
    ['whoami', () => []],
    ['keys create', () => ['ci']],
    ['keys list', () => []],
    ['keys delete', async () => [await key()]],
    ['users create', () => ['grace']],
    ['users list', () => []],
    ['users update', async () => [await user(), '--disable']],
    ['policy get', () => []],
    ['policy set', () => [file('policy.json')]],
    ['invoke', () => ['shop', 'run']],
    ['modules', () => []],
    ['modules show', () => ['shop-v1.0.0']],
    ['deployments', () => []],
    ['nodes', () => []],
    ['nodes health', () => ['edge-1']],
    ['routes', () => []],
    ['strategies', () => []],
    ['interface register', () => [file('old.wit')]],
    ['interface list', () => []],
    ['interface list', () => ['acme:img', '--limit', '1']],
    ['interface show', async () => [await registered()]],
    ['interface diff', () => [file('old.wit'), file('old.wit')]],
    ['interface diff', () => [file('old.wit'), file('new.wit')], 7],
    ['interface validate', () => [file('old.wit')]],
    ['interface approve', async () => [await undecided()]],
    ['interface reject', async () => [await undecided()]],
    ['interface deprecate', async () => [await registered()]],
    ['interface consumer', async () => [await registered(), 'billing']],
    ['interface consumer', async () => [await registered(), 'billing', '--remove']],
    ['disable', () => ['edge-1']],
    ['enable', () => ['edge-1']],
    ['join', () => []],
    ['logs', () => ['edge-1']],
    ['route set', share],
    ['route delete', () => ['shop']],
    ['run', () => ['--invoke', 'run', file('greeter-1.0.0.wasm')]],
  ];

  /** What is no document, and says so. */
  const refused: readonly Case[] = [
    ['audit export', () => []],
    ['logs', () => ['edge-1', '--follow']],
    ['run', () => [file('greeter-1.0.0.wasm')]],
  ];

  it.each(listed(cases))('$command writes exactly one document ($n)', async ({ command, argsOf, code }) => {
    const ran = await cli('--output', 'json', ...command.split(' '), ...(await argsOf()));
    expect([ran.code, ran.code === code ? '' : ran.out]).toEqual([code, '']);
    const document: unknown = JSON.parse(ran.out);
    expect(document).not.toHaveProperty('error');
  });

  it.each(listed(refused))('$command says that it does not ($n)', async ({ command, argsOf }) => {
    const ran = await cli('--output', 'json', ...command.split(' '), ...(await argsOf()));
    expect([ran.code, JSON.parse(ran.out)]).toMatchObject([2, { error: { code: 'HS_CLI_INVALID_OPTION' } }]);
  });

  it('is among these cases', async () => {
    const printed = await new Promise<string>((resolve, reject) => {
      const program = fileURLToPath(new URL('../../../scripts/docs/print-cli-help.ts', import.meta.url));
      execFile(process.execPath, ['--conditions=@hotswap/source', program], (error, out) =>
        error === null ? resolve(out) : reject(error),
      );
    });
    const { commands } = JSON.parse(printed) as { commands: Readonly<Record<string, string>> };
    // A command with others below it is a name for them.
    const found = Object.keys(commands).filter((command) => commands[command]?.includes('\nCommands:\n') === false);
    const covered = new Set([...cases, ...refused].map(([command]) => command));
    expect(found.length).toBeGreaterThan(40);
    expect(found.filter((command) => !covered.has(command))).toEqual([]);
  });
});
