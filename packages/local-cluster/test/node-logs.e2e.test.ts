import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type NodeLogEvent, type NodeLogLine, type NodeLogOptions } from '@hotswap/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const nodeId = 'logs-1';

describe('what a node tells of its modules', () => {
  let cluster: LocalCluster;
  let dataDirectory: string;

  beforeAll(async () => {
    await buildExampleModules();
    dataDirectory = await mkdtemp(join(tmpdir(), 'hotswap-logs-'));
    cluster = await startLocalCluster({
      dataDirectory,
      nodes: [{ nodeId, region: 'us-east', zone: 'us-east-1a' }],
      agentEnv: () => ({ HOTSWAP_AGENT_LOG_BUFFER_LINES: '1000' }),
    });
    await deploy('talker', 'talker', '1.0.0');
  });

  afterAll(async () => {
    await cluster.stop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  async function deploy(name: string, example: string, version: string, more: object = {}): Promise<void> {
    const wasm = await readFile(exampleModule(example, version).path);
    const { moduleId } = await cluster.client.modules.register({ name, version, wasm, ...more });
    const { deploymentId } = await cluster.client.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await cluster.client.deployments.execute(deploymentId);
    for await (const event of cluster.client.deployments.watch(deploymentId)) {
      if (event.kind !== 'status' || !finalStatuses.includes(event.deployment.status)) continue;
      expect(event.deployment.status).toBe('Completed');
    }
  }

  const say = (lines: number): Promise<unknown> => cluster.client.modules.invoke('talker', 'say', { args: [lines] });

  async function readAll(options: NodeLogOptions = {}): Promise<readonly NodeLogEvent[]> {
    const events: NodeLogEvent[] = [];
    for await (const event of cluster.client.nodes.logs(nodeId, { ...options, follow: false })) events.push(event);
    return events;
  }

  const linesOf = (events: readonly NodeLogEvent[]): readonly NodeLogLine[] =>
    events.flatMap((event) => (event.kind === 'line' ? [event.line] : []));

  /** Reads on until a line is found. */
  async function readUntil(
    events: AsyncGenerator<NodeLogEvent, void, undefined>,
    isFound: (event: NodeLogEvent) => boolean,
  ): Promise<readonly NodeLogEvent[]> {
    const seen: NodeLogEvent[] = [];
    for (;;) {
      const { value, done } = await events.next();
      if (done === true) throw new Error('the log ended before');
      seen.push(value);
      if (isFound(value)) return seen;
    }
  }

  it('has what a function wrote, with its module, release, version, stream and level', async () => {
    await say(2);
    await cluster.client.modules.invoke('talker', 'complain');
    const lines = linesOf(await readAll({ module: 'talker' }));
    const [route] = (await cluster.client.routes.list()).routes;
    const about = { moduleName: 'talker', version: '1.0.0', releaseId: route?.releases[0]?.releaseId };
    expect(lines.slice(-3)).toMatchObject([
      { ...about, level: 'info', stream: 'stdout', text: 'line 0000000' },
      { ...about, level: 'info', stream: 'stdout', text: 'line 0000001' },
      { ...about, level: 'warn', stream: 'stderr', text: 'trouble' },
    ]);
    expect(Math.abs(Date.parse(lines.at(-1)?.at ?? '') - Date.now())).toBeLessThan(60_000);
    const agent = lines.filter(({ stream }) => stream === 'agent').map(({ text }) => text);
    expect(agent).toContain('loaded');
    expect(agent).toContainEqual(expect.stringMatching(/^swapped: requests now go to 1\.0\.0 \(.+\) 100 %$/));
  });

  it('has the last words of a call that trapped, and that it did', async () => {
    await expect(cluster.client.modules.invoke('talker', 'crash')).rejects.toMatchObject({ code: 'HS_RUNTIME_TRAP' });
    const lines = linesOf(await readAll({ module: 'talker', tail: 10 }));
    const at = lines.findIndex(({ text }) => text === 'last words');
    expect(lines[at]).toMatchObject({ stream: 'stderr' });
    expect(lines[at + 1]).toMatchObject({
      stream: 'agent',
      level: 'error',
      text: expect.stringContaining('crash: HS_RUNTIME_TRAP') as string,
    });
  });

  it('has what commands and HTTP handlers wrote', async () => {
    await deploy('program', 'wasi-command', '1.0.0', { healthCheck: { enabled: false } });
    await deploy('web', 'http-lab', '1.0.0', { http: { access: 'public' }, healthCheck: { enabled: false } });
    const { stdout = '' } = await cluster.client.modules.invoke('program', '_start', { args: ['x'] });
    const written = Buffer.from(stdout, 'base64').toString('utf8').trimEnd().split('\n');
    const program = linesOf(await readAll({ module: 'program' })).filter(({ stream }) => stream === 'stdout');
    expect(program.map(({ text }) => text)).toEqual(written);

    const events = cluster.client.nodes.logs(nodeId, { module: 'web' });
    expect((await fetch(new URL('/api/v1/wasm/http/web/log?n=2', cluster.url))).status).toBe(200);
    const seen = linesOf(await readUntil(events, (event) => event.kind === 'line' && event.line.text === 'err 1'));
    await events.return();
    expect(seen.filter(({ stream }) => stream !== 'agent')).toMatchObject([
      { version: '1.0.0', stream: 'stdout', text: 'out 0' },
      { version: '1.0.0', stream: 'stdout', text: 'out 1' },
      { version: '1.0.0', stream: 'stderr', text: 'err 0' },
      { version: '1.0.0', stream: 'stderr', text: 'err 1' },
    ]);
  });

  it('goes on where a reader was, says how many lines it has missed, and follows what comes', async () => {
    await say(5);
    const last = linesOf(await readAll({ module: 'talker' })).at(-1);
    await say(3);
    expect(linesOf(await readAll({ module: 'talker', afterId: last?.id ?? '' })).map(({ text }) => text)).toEqual([
      'line 0000000',
      'line 0000001',
      'line 0000002',
    ]);
    await say(1_500);
    const events = await readAll({ module: 'talker', afterId: last?.id ?? '' });
    const lines = linesOf(events);
    expect(events[0]).toMatchObject({ kind: 'lost', reason: 'overwritten' });
    expect(lines.length + (events[0]?.kind === 'lost' ? (events[0].lines ?? 0) : 0)).toBe(3 + 1_500);
    expect(lines.at(-1)?.text).toBe('line 0001499');
    expect(lines.length).toBeLessThanOrEqual(1_000);

    const following = cluster.client.nodes.logs(nodeId, { module: 'talker', tail: 1 });
    expect((await following.next()).value).toMatchObject({ kind: 'line', line: { text: 'line 0001499' } });
    await say(1);
    expect((await following.next()).value).toMatchObject({ kind: 'line', line: { text: 'line 0000000' } });
    await following.return();
  });

  it('is followed over a start of the agent, with the loss said', async () => {
    await say(1);
    const following = cluster.client.nodes.logs(nodeId, { module: 'talker', tail: 1 });
    await following.next();
    const agent = cluster.agents.get(nodeId);
    await agent?.stop(10_000);
    expect((await following.next()).value).toMatchObject({ kind: 'interrupted' });
    await expect(cluster.client.nodes.checkHealth(nodeId)).rejects.toMatchObject({ code: 'HS_ROUTE_NODE_UNREACHABLE' });
    await expect(readAll()).rejects.toMatchObject({ code: 'HS_ROUTE_NODE_UNREACHABLE' });
    await cluster.restartAgent(nodeId);
    const seen = await readUntil(following, (event) => event.kind === 'line' && event.line.text.startsWith('swapped'));
    await following.return();
    expect(seen.filter(({ kind }) => kind === 'lost')).toEqual([{ kind: 'lost', reason: 'restarted', lines: null }]);
  });

  it('runs every health function when it is asked to', async () => {
    const health = await cluster.client.nodes.checkHealth(nodeId);
    expect(health).toMatchObject({ nodeId, status: 'Healthy', modulesLoaded: 3 });
    expect(health.checks.map(({ moduleName, state, version }) => [moduleName, state, version]).sort()).toEqual([
      ['program', 'disabled', '1.0.0'],
      ['talker', 'healthy', '1.0.0'],
      ['web', 'disabled', '1.0.0'],
    ]);
    expect(linesOf(await readAll({ module: 'talker', tail: 1 }))[0]?.text).toBe('asked for its health');
  });

  /** Runs `hotswap` in a process of its own. */
  const run = (...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const main = fileURLToPath(new URL('../../cli/src/main.ts', import.meta.url));
      const env = { ...process.env, HOTSWAP_SERVER: cluster.url, HOTSWAP_TOKEN: cluster.token };
      execFile(process.execPath, ['--conditions=@hotswap/source', main, ...args], { env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  it('is shown by the command line', async () => {
    await say(2);
    const shown = await run('logs', nodeId, '--module', 'talker', '--tail', '2');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toMatch(
      /^\S+ info {2}talker 1\.0\.0 line 0000000\n\S+ info {2}talker 1\.0\.0 line 0000001\n$/,
    );
    const json = await run('-o', 'json', 'logs', nodeId, '--module', 'talker', '--tail', '1');
    expect(JSON.parse(json.stdout)).toMatchObject({ nodeId, lines: [{ text: 'line 0000001' }] });
    const health = await run('nodes', 'health', nodeId);
    expect(health.code).toBe(0);
    expect(health.stdout).toMatch(/talker +1\.0\.0 +\S+ +healthy/);
    expect((await run('logs', 'nobody')).code).toBe(5);
    expect((await run('nodes', '--limit', '1')).stdout).toContain(nodeId);
  });
});
