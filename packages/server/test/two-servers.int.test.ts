import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
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
  #leaving = new AbortController();

  /** The last id that the stream has named. */
  lastId: string | undefined;
  readonly ids: string[] = [];

  async follow(url: string, token: string): Promise<void> {
    this.#leaving = new AbortController();
    const response = await fetch(`${url}${api}/events`, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(this.lastId === undefined ? {} : { 'last-event-id': this.lastId }),
      },
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
        this.lastId = /^id: (.*)$/m.exec(block)?.[1] ?? this.lastId;
        if (data === undefined) continue;
        this.seen.push(JSON.parse(data) as EventReader['seen'][number]);
        this.ids.push(this.lastId ?? '');
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

  it('lose no event of a reader that is cut off under writes and comes back to either, and tell it none twice', async () => {
    const [steady, restless] = [await follow(first), await follow(first)];
    await expect.poll(() => restless.lastId).toBeDefined();
    const names = Array.from({ length: 40 }, (_, n) => `busy-${String(n)}`);
    let isWriting = true;
    const writing = Promise.all(
      [first, second].map(async ({ url }, at) => {
        const { modules } = createHotSwapClient({ baseUrl: url, token });
        for (const name of names.filter((_, n) => n % 2 === at))
          await modules.register({ name, version: '1.0.0', wasm: coreModule({ salt: name }) });
      }),
    ).finally(() => {
      isWriting = false;
    });
    let cuts = 0;
    for (; isWriting; cuts++) {
      restless.leave();
      await restless.follow([second, first][cuts % 2]?.url ?? '', token);
      await pause(20 * (cuts % 4));
    }
    await writing;
    const told = (reader: EventReader): string[] =>
      reader.seen.filter(({ subject }) => subject.startsWith('busy-')).map(({ subject }) => subject);
    await expect.poll(() => [told(steady).length, told(restless).length]).toEqual([40, 40]);
    expect(cuts).toBeGreaterThan(3);
    expect(told(restless)).toEqual(told(steady));
    expect(new Set(told(restless))).toEqual(new Set(names.map((name) => `${name}-v1.0.0`)));
    expect(restless.ids).toEqual(steady.ids);
    expect(restless.seen.filter((event) => 'kind' in event)).toEqual([]);
  });

  it('refuse an id that no stream has given out', async () => {
    const answer = await first.send('GET', `${api}/events`, { headers: { 'last-event-id': '7; drop' } });
    expect(answer.status).toBe(400);
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

  it('tell the readers of both all the same while Redis is away', async () => {
    const [atFirst, atSecond] = [await follow(first), await follow(second)];
    await redis.kill();
    const atTheOther = createHotSwapClient({ baseUrl: second.url, token });
    const { moduleId } = await atTheOther.modules.register({ name: 'alone', version: '1.0.0', wasm: coreModule() });
    await expect.poll(() => atSecond.count('module.registered', moduleId)).toBe(1);
    const { deploymentId } = await atTheOther.deployments.create({ moduleId, strategy: 'AllAtOnce' });
    await expect.poll(() => atFirst.count('deployment.changed', deploymentId)).toBeGreaterThan(0);
    await expect.poll(() => atFirst.count('module.registered', moduleId)).toBe(1);
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
