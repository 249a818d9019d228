import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisConnection, RedisFanOut, RedisRateCounter } from '@hotswap/state-redis';
import { fanOutSuite, rateCounterSuite } from '@hotswap/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RealRedis } from '../../../scripts/services/real-redis.ts';

describe('Redis', () => {
  let redis: RealRedis;
  beforeAll(async () => {
    redis = await RealRedis.start();
  });
  afterAll(async () => redis[Symbol.asyncDispose]());

  const letPass = (ms: number): Promise<void> => sleep(ms);
  const question = { key: 'k', amount: 1, limit: 10, windowMs: 3_600_000 };

  describe('as a counter', () => {
    rateCounterSuite({
      test: it,
      create: async () => {
        const prefix = randomUUID();
        const [one, two] = await Promise.all([1, 2].map(() => RedisConnection.open({ url: redis.url, prefix })));
        return {
          counter: new RedisRateCounter(one as RedisConnection),
          other: new RedisRateCounter(two as RedisConnection),
          letPass,
          [Symbol.asyncDispose]: async () => {
            await one?.[Symbol.asyncDispose]();
            await two?.[Symbol.asyncDispose]();
          },
        };
      },
    });

    it('keeps nothing that is no longer needed', async () => {
      await using connection = await RedisConnection.open({ url: redis.url, prefix: randomUUID() });
      const counter = new RedisRateCounter(connection);
      await counter.take({ ...question, windowMs: 200 });
      await counter.take({ ...question, key: 'never granted', limit: 0 });
      const kept = async () => connection.send(['KEYS', `${connection.prefix}:*`]);
      expect(await kept()).toEqual([`${connection.prefix}:rate:k`]);
      await expect.poll(kept, { timeout: 5_000 }).toEqual([]);
    });
  });

  describe('as a fan-out', () => {
    fanOutSuite({
      test: it,
      create: async () => {
        const prefix = randomUUID();
        const connections = await Promise.all([1, 2, 3].map(() => RedisConnection.open({ url: redis.url, prefix })));
        const members = await Promise.all(connections.map((connection) => RedisFanOut.open(connection)));
        return {
          members: members as unknown as readonly [RedisFanOut, RedisFanOut, RedisFanOut],
          letPass,
          patienceMs: 10_000,
          [Symbol.asyncDispose]: async () => {
            for (const each of [...members, ...connections]) await each[Symbol.asyncDispose]();
          },
        };
      },
    });
  });

  it('is found missing and back again, and takes scripts and subscriptions anew', async () => {
    await using own = await RealRedis.start();
    const changes: boolean[] = [];
    await using connection = await RedisConnection.open({ url: own.url, onChange: (isUp) => changes.push(isUp) });
    await using listening = await RedisConnection.open({ url: own.url });
    const counter = new RedisRateCounter(connection);
    await using sender = await RedisFanOut.open(connection);
    await using receiver = await RedisFanOut.open(listening);
    const heard: string[] = [];
    receiver.subscribe((message) => heard.push(message));
    expect((await counter.take({ ...question, amount: 9 })).granted).toBe(9);
    await own.kill();
    await expect.poll(() => connection.isUp).toBe(false);
    await expect(counter.take(question)).rejects.toMatchObject({ code: 'HS_STORE_REDIS_UNAVAILABLE' });
    sender.publish('lost');
    await own.run();
    await expect.poll(() => connection.isUp, { timeout: 20_000 }).toBe(true);
    expect((await counter.take({ ...question, amount: 9 })).granted).toBe(9);
    await expect
      .poll(
        () => {
          sender.publish('here again');
          return heard.includes('here again');
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    expect(heard).not.toContain('lost');
    expect(changes).toEqual([true, false, true]);
  });

  it('that is away at the start does not hold it up', async () => {
    await using connection = await RedisConnection.open({ url: 'redis://127.0.0.1:1' }, 50);
    expect(connection.isUp).toBe(false);
    await expect(new RedisRateCounter(connection).take(question)).rejects.toMatchObject({ httpStatus: 503 });
    await expect(RedisConnection.open({ url: 'http://nowhere' })).rejects.toMatchObject({ code: 'HS_STORE_REDIS_URL' });
  });

  it('that may drop counters early is warned of', async () => {
    await using careless = await RealRedis.start('--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru');
    const warnings: string[] = [];
    const onWarning = (text: string): number => warnings.push(text);
    await using _connection = await RedisConnection.open({ url: careless.url, onWarning });
    await expect.poll(() => warnings).toEqual([expect.stringMatching(/allkeys-lru.*noeviction/)]);
    await using _sound = await RedisConnection.open({ url: redis.url, onWarning });
    expect(warnings).toHaveLength(1);
  });
});
