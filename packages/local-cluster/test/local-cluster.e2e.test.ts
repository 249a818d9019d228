import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredModule } from '@hotswap/core';
import { exampleModule, hostileModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type DeploymentView } from '@hotswap/protocol';

const nodes = ['us-east', 'us-west'].map((region) => ({ nodeId: `e2e-${region}`, region, zone: `${region}-1a` }));

describe('startLocalCluster', () => {
  let cluster: LocalCluster;
  let dataDirectory: string;

  beforeAll(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-e2e-'));
    cluster = await startLocalCluster({ dataDirectory, nodes });
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  const register = async (name: string, path: string, version: string, healthy = true): Promise<string> => {
    const module = await cluster.client.modules.register({
      name,
      version,
      wasm: await readFile(path),
      ...(healthy ? {} : { healthCheck: { enabled: false } }),
    });
    return module.moduleId;
  };

  const rollOut = async (
    moduleId: string,
    strategy: string,
    strategyConfig: Record<string, number | string> = {},
    retention?: string,
  ): Promise<DeploymentView> => {
    const { deploymentId } = await cluster.client.deployments.create({
      moduleId,
      strategy,
      strategyConfig,
      ...(retention === undefined ? {} : { retention }),
    });
    await cluster.client.deployments.execute(deploymentId);
    for await (const event of cluster.client.deployments.watch(deploymentId)) {
      if (event.kind === 'status' && finalStatuses.includes(event.deployment.status)) break;
    }
    return cluster.client.deployments.get(deploymentId);
  };

  it('has every node healthy, each in its own region', async () => {
    const list = await cluster.client.nodes.list();
    expect(list.nodes.map((node) => [node.nodeId, node.region, node.status])).toEqual([
      ['e2e-us-east', 'us-east', 'Healthy'],
      ['e2e-us-west', 'us-west', 'Healthy'],
    ]);
  });

  it('serves a core module, a component and a command through the gateway', async () => {
    const adder = exampleModule('adder', '1.0.0');
    const greeter = exampleModule('greeter', '1.0.0');
    const command = exampleModule('wasi-command');
    const ids = [
      await register('adder', adder.path, adder.version),
      await register('greeter', greeter.path, greeter.version),
      await register('wasi-command', command.path, command.version, false),
    ];
    for (const moduleId of ids)
      expect(await rollOut(moduleId, 'AllAtOnce')).toMatchObject({ status: 'Completed', progressPercent: 100 });
    expect(await cluster.client.modules.invoke('adder', 'add', { args: [20, 22] })).toMatchObject({
      result: 42,
      moduleId: ids[0],
    });
    expect(await cluster.client.modules.invoke('greeter', 'greet', { args: ['Ada'] })).toMatchObject({
      result: 'Hello, Ada!',
    });
    const ran = await cluster.client.modules.invoke('wasi-command', 'run', {
      stdin: Buffer.from('hello').toString('base64'),
    });
    expect(Buffer.from(ran.stdout ?? '', 'base64').toString('utf8')).toContain('HELLO');
  });

  it('rolls back a module whose health check says no, and keeps serving the old one', async () => {
    const bad = exampleModule('greeter', '1.2.0');
    const moduleId = await register('greeter', bad.path, bad.version);
    const deployment = await rollOut(moduleId, 'Canary', { evaluationPeriod: 'PT5S' });
    expect(deployment).toMatchObject({ status: 'RolledBack', moduleId });
    expect(deployment.reason).toContain('Health checks failed at stage 10%');
    expect(await cluster.client.modules.invoke('greeter', 'greet', { args: ['Ada'] })).toMatchObject({
      result: 'Hello, Ada!',
      moduleId: 'greeter-v1.0.0',
    });
  });

  it('contains a module that loops for ever while its neighbours keep answering', async () => {
    const hostile = hostileModule('loop-in-export');
    const moduleId = await register('looper', hostile.path, '1.0.0', false);
    expect(await rollOut(moduleId, 'AllAtOnce')).toMatchObject({ status: 'Completed' });
    const looping = cluster.client.modules.invoke('looper', hostile.function ?? '', {
      args: hostile.args as never,
      timeoutMs: 500,
    });
    const [trapped, neighbour] = await Promise.allSettled([
      looping,
      cluster.client.modules.invoke('adder', 'add', { args: [1, 1] }),
    ]);
    expect(trapped).toMatchObject({ status: 'rejected', reason: { httpStatus: 504 } });
    expect(neighbour).toMatchObject({ status: 'fulfilled', value: { result: 2 } });
  });

  it('keeps nodes serving while the server is away, and has everything again after a restart', async () => {
    await cluster.server.kill();
    await cluster.restartServer();
    await cluster.waitForNodes(nodes.length);
    expect(await cluster.client.modules.invoke('adder', 'add', { args: [3, 4] })).toMatchObject({ result: 7 });
    const { deployments } = await cluster.client.deployments.list({ moduleName: 'adder' });
    expect(deployments.map((deployment) => deployment.status)).toEqual(['Completed']);
  });

  it('goes back after a retention and a restart without pulling the module again (D-16)', async () => {
    const next = exampleModule('greeter', '1.1.0');
    const { digest } = await cluster.client.modules.get('greeter-v1.0.0');
    const files = nodes.map(({ nodeId }) => join(dataDirectory, 'nodes', nodeId, 'modules', `${digest}.wasm`));
    const before = await Promise.all(files.map((file) => stat(file)));
    const replaced = await rollOut(await register('greeter', next.path, next.version), 'AllAtOnce', {}, 'PT1S');
    expect(replaced).toMatchObject({ status: 'Completed' });
    const releaseOf = async (): Promise<number> => {
      const states = await Promise.all(
        nodes.map(({ nodeId }) => readFile(join(dataDirectory, 'nodes', nodeId, 'applied-state'), 'utf8')),
      );
      return states.filter((state) =>
        JSON.parse(state.split('\n')[1] ?? '').modules.some(({ desired }: { desired: DesiredModule }) =>
          desired.releases.some((release) => release.digest === digest),
        ),
      ).length;
    };
    await expect.poll(releaseOf, { timeout: 20_000 }).toBe(0);
    for (const { nodeId } of nodes) await cluster.restartAgent(nodeId);
    await cluster.waitForNodes(nodes.length);
    expect(await rollOut('greeter-v1.0.0', 'AllAtOnce')).toMatchObject({ status: 'Completed' });
    expect(await cluster.client.modules.invoke('greeter', 'greet', { args: ['Ada'] })).toMatchObject({
      moduleId: 'greeter-v1.0.0',
    });
    const after = await Promise.all(files.map((file) => stat(file)));
    // Files are pulled beside their place and renamed: another inode would tell of it.
    expect(after.map(({ ino }) => ino)).toEqual(before.map(({ ino }) => ino));
  });

  it('leaves no process behind when it stops', async () => {
    const pids = [cluster.server.pid, ...[...cluster.agents.values()].map((agent) => agent.pid)];
    const children = pids.flatMap((pid) => childrenOf(pid));
    await cluster.stop();
    await sleep(200);
    expect([...pids, ...children].filter(isAlive)).toEqual([]);
  });
});

function childrenOf(pid: number): number[] {
  const listed = execFileSync('ps', ['-o', 'pid=,ppid=', '-A'], { encoding: 'utf8' });
  return listed
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
