import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHotSwapClient } from '@hotswap/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OwnDatabase } from '../../../scripts/services/own-database.ts';
import { RealRedis } from '../../../scripts/services/real-redis.ts';
import { startServices } from '../../../scripts/services.mjs';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';

/** Events as a reader of one server gets them. */
class EventReader {
  readonly seen: { readonly topic: string; readonly subject: string }[] = [];
  readonly #leaving = new AbortController();

  async follow(url: string, token: string): Promise<void> {
    const response = await fetch(`${url}${api}/events`, {
      headers: { authorization: `Bearer ${token}` },
      signal: this.#leaving.signal,
    });
    void this.#read(response).catch(() => undefined);
  }

  leave(): void {
    this.#leaving.abort();
  }

  /** How often something was told. */
  count(topic: string, subject: string): number {
    return this.seen.filter((event) => event.topic === topic && event.subject === subject).length;
  }

  async #read({ body }: Response): Promise<void> {
    let text = '';
    for await (const bytes of body ?? []) {
      const blocks = (text + Buffer.from(bytes).toString()).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) this.seen.push(JSON.parse(data) as EventReader['seen'][number]);
      }
    }
  }
}

describe('two servers on one Postgres and one Redis', () => {
  let services: Awaited<ReturnType<typeof startServices>>;
  let own: OwnDatabase;
  let redis: RealRedis;
  let dataDir: string;
  let first: TestServer;
  let second: TestServer;
  let token: string;
  const readers: EventReader[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'hotswap-two-'));
    [services, redis] = await Promise.all([startServices(), RealRedis.start()]);
    const server = services.environment.HOTSWAP_TEST_POSTGRES_URL ?? expect.unreachable(services.missing.join('; '));
    own = await OwnDatabase.create(server);
    const { url } = own;
    const start = (instanceId: string): Promise<TestServer> =>
      startTestServer({ dataDir, instanceId, redisUrl: redis.url }, { database: { url } });
    first = await start('first');
    second = await start('second');
    token = first.token;
  });
  afterAll(async () => {
    for (const reader of readers) reader.leave();
    await Promise.all([first, second].map((server) => server[Symbol.asyncDispose]()));
    await redis[Symbol.asyncDispose]();
    await own[Symbol.asyncDispose]();
    await services.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function follow(server: TestServer): Promise<EventReader> {
    const reader = new EventReader();
    readers.push(reader);
    await reader.follow(server.url, token);
    return reader;
  }

  it('tell readers of one what is done at the other, once', async () => {
    const [atFirst, atSecond] = [await follow(first), await follow(second)];
    const atTheOther = createHotSwapClient({ baseUrl: second.url, token });
    const { moduleId } = await atTheOther.modules.register({ name: 'greeter', version: '1.0.0', wasm: coreModule() });
    await expect.poll(() => atFirst.count('module.registered', moduleId)).toBe(1);
    const { deploymentId } = await atTheOther.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await expect.poll(() => atFirst.count('deployment.changed', deploymentId)).toBeGreaterThan(0);
    await atTheOther.deployments.abort(deploymentId, { reason: 'only to be heard of' });
    await createHotSwapClient({ baseUrl: first.url, token })
      .modules.delete(moduleId)
      .catch(() => undefined);
    const last = await atTheOther.modules.register({
      name: 'greeter',
      version: '1.0.1',
      wasm: coreModule({ salt: 'b' }),
    });
    // What came before it has come when the last one has.
    await expect.poll(() => atFirst.count('module.registered', last.moduleId)).toBe(1);
    await expect.poll(() => atSecond.count('module.registered', last.moduleId)).toBe(1);
    expect(atFirst.count('module.registered', moduleId)).toBe(1);
    expect(atSecond.count('module.registered', moduleId)).toBe(1);
    expect(atFirst.count('deployment.changed', deploymentId)).toBe(atSecond.count('deployment.changed', deploymentId));
  });

  it('count the requests of one owner together', async () => {
    const client = createHotSwapClient({ baseUrl: first.url, token });
    const [username, password] = ['counted', 'correct horse battery'];
    await client.auth.users.create({ username, password, role: 'admin' });
    const session = await createHotSwapClient({ baseUrl: second.url }).auth.login({ username, password });
    const { key } = await createHotSwapClient({ baseUrl: second.url, token: session.token }).auth.keys.create({
      ...{ name: 'k', role: 'viewer', tier: 'free' },
    });
    const status = async (server: TestServer): Promise<number> =>
      (await server.send('GET', `${api}/nodes`, { token: key })).status;
    const answered = [];
    for (let n = 0; n < 6; n++) answered.push(await status(first), await status(second));
    expect(answered.filter((one) => one === 200)).toHaveLength(10);
    expect(answered.slice(10)).toEqual([429, 429]);
  });

  it('tell their own readers all the same while Redis is away, and those of the other what the database tells', async () => {
    const [atFirst, atSecond] = [await follow(first), await follow(second)];
    await redis.kill();
    const atTheOther = createHotSwapClient({ baseUrl: second.url, token });
    const { moduleId } = await atTheOther.modules.register({ name: 'alone', version: '1.0.0', wasm: coreModule() });
    await expect.poll(() => atSecond.count('module.registered', moduleId)).toBe(1);
    const { deploymentId } = await atTheOther.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await expect.poll(() => atFirst.count('deployment.changed', deploymentId)).toBeGreaterThan(0);
    expect(atFirst.count('module.registered', moduleId)).toBe(0);
    await redis.run();
    await expect
      .poll(
        async () => {
          const probe = `1.0.${String(Date.now() % 1_000_000)}`;
          const { moduleId: next } = await atTheOther.modules.register({
            ...{ name: 'back', version: probe, wasm: coreModule({ salt: probe }) },
          });
          await expect.poll(() => atSecond.count('module.registered', next)).toBe(1);
          return atFirst.seen.some(({ subject }) => subject.startsWith('back-'));
        },
        { timeout: 20_000, interval: 200 },
      )
      .toBe(true);
  });
});
