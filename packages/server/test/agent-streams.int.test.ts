import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { desiredStateSchema, readSse } from '@hotswap/protocol';
import type { DesiredState } from '@hotswap/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnDatabase } from '../../../scripts/services/own-database.ts';
import { startServices } from '../../../scripts/services.mjs';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';

/** A stream of desired state as an agent of one boot reads it from one server. */
class Stream {
  readonly states: DesiredState[] = [];
  readonly ended: Promise<'ended'>;
  readonly #leaving = new AbortController();

  private constructor(response: Response, leaving: AbortController) {
    this.#leaving = leaving;
    this.ended = this.#read(response).then(() => 'ended' as const);
  }

  /** The stream; or the status that was answered in place of one. */
  static async open(server: TestServer, node: Node, bootId?: string): Promise<Stream | number> {
    const leaving = new AbortController();
    const query = bootId === undefined ? '' : `?bootId=${bootId}`;
    const response = await fetch(`${server.url}${api}/nodes/${node.nodeId}/desired${query}`, {
      headers: { authorization: `Bearer ${node.credential}` },
      signal: leaving.signal,
    });
    return response.status === 200 ? new Stream(response, leaving) : response.status;
  }

  leave(): void {
    this.#leaving.abort();
  }

  async #read(response: Response): Promise<void> {
    try {
      for await (const { event, data } of readSse(response.body as unknown as AsyncIterable<Uint8Array>))
        if (event === 'desired') this.states.push(desiredStateSchema.parse(JSON.parse(data)));
    } catch {
      // It was left.
    }
  }
}

interface Node {
  readonly nodeId: string;
  readonly credential: string;
}

const bootOf = (name: string): string => `${Date.now()}-${name}`;
const isOpen = async ({ ended }: Stream, ms: number): Promise<boolean> =>
  (await Promise.race([ended, new Promise<'open'>((resolve) => setTimeout(() => resolve('open'), ms))])) === 'open';

describe('one stream of desired state for a node, over two servers on one Postgres', () => {
  let services: Awaited<ReturnType<typeof startServices>>;
  let own: OwnDatabase;
  let dataDir: string;
  let first: TestServer;
  let second: TestServer;
  const opened: Stream[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-streams-'));
    services = await startServices();
    own = await OwnDatabase.create(
      services.environment.HOTSWAP_TEST_POSTGRES_URL ?? expect.unreachable(services.missing.join('; ')),
    );
    const start = (instanceId: string): Promise<TestServer> =>
      startTestServer({ dataDir, instanceId }, { database: { url: own.url } });
    first = await start('first');
    second = await start('second');
  });
  afterAll(async () => {
    for (const stream of opened) stream.leave();
    await Promise.all([first, second].map((server) => server[Symbol.asyncDispose]()));
    await own[Symbol.asyncDispose]();
    await services.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function newNode(nodeId: string): Promise<Node> {
    const { body } = await first.send('POST', `${api}/join-tokens`, { body: {} });
    const joined = await first.send('POST', `${api}/nodes`, {
      token: String(body['token']),
      body: {
        ...{ nodeId, hostname: 'h', region: 'eu', runtime: 'Test', runtimeVersion: '1', capabilities: {} },
        ...{ maxModules: 10, dataPlaneUrl: 'http://127.0.0.1:1' },
        hardware: { cpuCores: 1, totalMemoryMB: 1, architecture: 'x64' },
      },
    });
    return { nodeId, credential: String(joined.body['credential']) };
  }

  async function open(server: TestServer, node: Node, bootId?: string): Promise<Stream> {
    const stream = await Stream.open(server, node, bootId);
    if (typeof stream === 'number') return expect.unreachable(`${stream} in place of a stream`);
    opened.push(stream);
    return stream;
  }

  async function report(server: TestServer, node: Node, bootId: string, sequence: number): Promise<number> {
    const { status } = await server.send('POST', `${api}/nodes/${node.nodeId}/heartbeat`, {
      token: node.credential,
      body: {
        ...{ bootId, sequence, metrics: [], observed: { generation: 0, releases: [] } },
        resources: { cpuUsagePercent: 0, memoryUsageMB: 1, modulesLoaded: 0 },
      },
    });
    return status;
  }

  /** Rolls a module out to every node that is heard of. */
  async function rollOut(name: string): Promise<void> {
    const { moduleId } = await first.client.modules.register({ name, version: '1.0.0', wasm: coreModule() });
    const { deploymentId } = await first.client.deployments.create({ moduleId, strategy: 'Rolling' });
    await first.client.deployments.execute(deploymentId);
  }

  it('the one that was opened last is fed, wherever; the one before it ends', async () => {
    const node = await newNode('edge-1');
    const boot = bootOf('a');
    expect(await report(first, node, boot, 1)).toBe(200);
    const before = await open(first, node, boot);
    await expect.poll(() => before.states.length).toBe(1);
    const now = await open(second, node, boot);
    expect(await isOpen(before, 5_000)).toBe(false);
    await rollOut('greeter');
    await expect.poll(() => now.states.at(-1)?.modules.map(({ moduleName }) => moduleName)).toEqual(['greeter']);
    expect(before.states).toHaveLength(1);
    const back = await open(first, node, boot);
    expect(await isOpen(now, 5_000)).toBe(false);
    await expect.poll(() => back.states.at(-1)?.modules).toHaveLength(1);
    expect(await isOpen(back, 300)).toBe(true);
  });

  it('an agent that another one has followed gets none on any server, and does not end the other one’s', async () => {
    const node = await newNode('edge-2');
    const [old, young] = [bootOf('old'), bootOf('young')];
    expect(await report(first, node, old, 1)).toBe(200);
    const ofOld = await open(first, node, old);
    expect(await report(second, node, young, 1)).toBe(200);
    const ofYoung = await open(second, node, young);
    expect(await isOpen(ofOld, 5_000)).toBe(false);
    expect(await report(first, node, old, 2)).toBe(410);
    expect([await Stream.open(first, node, old), await Stream.open(second, node, old)]).toEqual([410, 410]);
    expect(await isOpen(ofYoung, 300)).toBe(true);
  });

  it('agents that do not name their boot take turns as well, and other nodes are left alone', async () => {
    const [node, other] = [await newNode('edge-3'), await newNode('edge-4')];
    const ofOther = await open(first, other);
    const before = await open(second, node);
    const now = await open(first, node);
    expect(await isOpen(before, 5_000)).toBe(false);
    expect([await isOpen(now, 300), await isOpen(ofOther, 0)]).toEqual([true, true]);
  });
});
