import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHotSwapClient, type CreatedApiKey, type Tier } from '@hotswap/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RealRedis } from '../../../scripts/services/real-redis.ts';
import { startTestServer, type TestServer } from './start-test-server.ts';
import { coreModule } from './v8-inspector.ts';

const api = '/api/v1/wasm';
/** A key of an owner of its own, so that nothing else counts against it. */
async function keyOf(test: TestServer, tier: Tier, role: 'viewer' | 'admin' = 'viewer'): Promise<CreatedApiKey> {
  const username = `owner-${String(Math.random()).slice(2, 12)}`;
  const password = 'correct horse battery';
  await test.client.auth.users.create({ username, password, role: 'admin' });
  const { token } = await createHotSwapClient({ baseUrl: test.url }).auth.login({ username, password });
  return createHotSwapClient({ baseUrl: test.url, token }).auth.keys.create({ name: 'k', role, tier });
}

/** Statuses of so many requests, one after the other. */
async function statuses(test: TestServer, token: string, count: number, path = `${api}/nodes`): Promise<number[]> {
  const answered = [];
  for (let i = 0; i < count; i++) answered.push((await test.send('GET', path, { token })).status);
  return answered;
}

const times = (status: number, count: number): number[] => Array.from({ length: count }, () => status);

const production = { environment: 'Production', host: '127.0.0.1' } as const;
const invocation = `${api}/modules/none/functions/run/invoke`;

/**
 * Servers that count by themselves, all of one process. Time stands still while requests are counted: a minute that ends
 * in between would let more of them through.
 */
describe('one server', () => {
  let open: TestServer;
  let strict: TestServer;
  beforeAll(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    open = await startTestServer({ strangerRequestsPerMinute: 20 });
    strict = await startTestServer(production);
  });
  afterAll(async () => {
    vi.useRealTimers();
    await Promise.all([open, strict].map((server) => server[Symbol.asyncDispose]()));
  });

  it('lets ten requests a minute through for free, says what is left, and then when to come back', async () => {
    const { key } = await keyOf(open, 'free');
    const first = await open.send('GET', `${api}/nodes`, { token: key });
    expect(first.headers.get('ratelimit')).toMatch(/^"minute";r=9;t=\d+, "day";r=499;t=\d+$/);
    expect(await statuses(open, key, 9)).toEqual(times(200, 9));
    const refused = await open.send('GET', `${api}/nodes`, { token: key });
    expect([refused.status, refused.body['code']]).toEqual([429, 'HS_LIMIT_RATE']);
    expect(refused.headers.get('ratelimit')).toMatch(/^"minute";r=0;t=\d+$/);
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(70);
    vi.setSystemTime(Date.now() + retryAfter * 1_000);
    expect(await statuses(open, key, 2)).toEqual([200, 429]);
    // Others are not held back, nor is whoever has no tier.
    expect(await statuses(open, (await keyOf(open, 'free')).key, 1)).toEqual([200]);
    expect(await statuses(open, open.token, 30)).toEqual(times(200, 30));
  });

  it.each([
    ['free', 10, 500],
    ['basic', 100, 10_000],
    ['pro', 500, 50_000],
  ] as const)('holds the tier %s to %d a minute and %d a day', async (tier, minute, day) => {
    const { key } = await keyOf(open, tier);
    const { headers } = await open.send('GET', `${api}/nodes`, { token: key });
    expect(headers.get('ratelimit-policy')).toBe(`"minute";q=${minute};w=60, "day";q=${day};w=86400`);
    expect(await statuses(open, key, minute)).toEqual([...times(200, minute - 1), 429]);
  });

  it('counts by owner: more keys are not more requests', async () => {
    const { key } = await keyOf(open, 'free', 'admin');
    const second = await createHotSwapClient({ baseUrl: open.url, token: key }).auth.keys.create({
      ...{ name: 'second', role: 'viewer' },
    });
    expect(second.tier).toBe('free');
    expect(await statuses(open, second.key, 10)).toEqual([...times(200, 9), 429]);
    expect(await statuses(open, key, 1)).toEqual([429]);
  });

  it('takes ten registrations a minute of one caller in Production, and any number in Development', async () => {
    const register = async (test: TestServer): Promise<number[]> => {
      const answered = [];
      for (let patch = 0; patch < 11; patch++) {
        const metadata = `name=greeter&version=1.0.${String(patch)}`;
        const { status } = await test.send('POST', `${api}/modules?${metadata}`, {
          body: coreModule({ salt: String(patch) }),
          headers: { 'content-type': 'application/wasm' },
        });
        answered.push(status);
      }
      return answered;
    };
    expect(await register(strict)).toEqual([...times(201, 10), 429]);
    expect(await register(open)).toEqual(times(201, 11));
  });

  it('takes a thousand executions a minute in Production, and any number in Development', async () => {
    const { headers } = await strict.send('POST', invocation, { body: {} });
    expect(headers.get('ratelimit-policy')).toBe('"execution";q=1000;w=60');
    const unlimited = await open.send('POST', invocation, { body: {} });
    expect(unlimited.headers.get('ratelimit-policy')).toBeNull();
  });

  it('counts executions of one caller, and the lower of its limit and the tier holds', async () => {
    await using test = await startTestServer({ moduleExecutionsPerMinute: 3 });
    const { key } = await keyOf(test, 'pro', 'admin');
    const { key: free } = await keyOf(test, 'free', 'admin');
    const invoke = async (token: string): Promise<{ status: number; headers: Headers }> =>
      test.send('POST', invocation, { token, body: {} });
    const { headers } = await invoke(key);
    expect(headers.get('ratelimit-policy')).toBe('"execution";q=3;w=60, "minute";q=500;w=60, "day";q=50000;w=86400');
    expect([(await invoke(key)).status, (await invoke(key)).status, (await invoke(key)).status]).toEqual([
      404, 404, 429,
    ]);
    expect(await statuses(test, key, 1)).toEqual([200]);
    expect(await statuses(test, free, 10)).toEqual(times(200, 10));
    expect((await invoke(free)).status).toBe(429);
  });

  it('tires of an address that only guesses, and still lets those in who are known', async () => {
    const answered = [];
    for (let i = 0; i < 22; i++)
      answered.push((await open.send('GET', `${api}/nodes`, { token: `hs_guess${String(i)}` })).status);
    expect(answered).toEqual([...times(401, 20), 429, 429]);
    expect((await open.send('GET', `${api}/nodes`, { token: null })).status).toBe(429);
    expect(await statuses(open, open.token, 2, '/health')).toEqual([200, 200]);
    expect((await open.send('GET', '/health', { token: null })).status).toBe(200);
  });
});

describe('a quota for the day', () => {
  it('is not given back by a restart', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'hotswap-quota-'));
    const config = { dataDir, freeTierPerDay: 12, freeTierPerMinute: 1_000 };
    const database = { database: { dataDir: join(dataDir, 'database') } };
    const before = await startTestServer(config, database);
    const { key } = await keyOf(before, 'free');
    expect(await statuses(before, key, 8)).toEqual(times(200, 8));
    await before[Symbol.asyncDispose]();
    const after = await startTestServer(config, database);
    try {
      expect(await statuses(after, key, 6)).toEqual([...times(200, 4), 429, 429]);
      const { headers, body } = await after.send('GET', `${api}/nodes`, { token: key });
      expect(body['detail']).toMatch(/12 a day is all/);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(1);
    } finally {
      await after[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe('a server with Redis', () => {
  let redis: RealRedis;
  let one: TestServer;
  beforeAll(async () => {
    redis = await RealRedis.start();
    one = await startTestServer({ redisUrl: redis.url });
  });
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });

  it('counts there, and by itself while it is away, without a request failing', async () => {
    const { key } = await keyOf(one, 'free');
    expect(await statuses(one, key, 6)).toEqual(times(200, 6));
    expect((await one.send('GET', '/health')).body).toMatchObject({
      status: 'Healthy',
      dependencies: { postgresql: 'Healthy', redis: 'Healthy' },
    });
    await redis.kill();
    const { key: basic } = await keyOf(one, 'basic');
    expect(await statuses(one, basic, 20)).toEqual(times(200, 20));
    expect((await one.send('GET', '/health')).body).toMatchObject({
      status: 'Degraded',
      dependencies: { redis: 'Unhealthy' },
    });
    expect((await one.send('GET', '/health/ready')).status).toBe(200);
    // Alone it holds the limit, too.
    expect((await statuses(one, basic, 200)).filter((status) => status === 429).length).toBeGreaterThan(0);
    await redis.run();
    await expect
      .poll(async () => (await one.send('GET', '/health')).body['status'], { timeout: 20_000 })
      .toBe('Healthy');
    expect(await statuses(one, (await keyOf(one, 'free')).key, 11)).toEqual([...times(200, 10), 429]);
  });

  it('goes on while Redis hangs', async () => {
    const { key } = await keyOf(one, 'basic');
    expect(await statuses(one, key, 2)).toEqual([200, 200]);
    redis.signal('SIGSTOP');
    try {
      expect(await statuses(one, key, 50)).toEqual(times(200, 50));
    } finally {
      redis.signal('SIGCONT');
    }
  });
});
