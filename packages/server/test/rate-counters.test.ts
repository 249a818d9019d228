import { rateCounterSuite } from '@hotswap/testing';
import type { RateCounter, RateGrant } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { LeasedRateCounter } from '../src/limits/leased-rate-counter.ts';
import { MemoryRateCounter } from '../src/limits/memory-rate-counter.ts';

const minute = { key: 'k', amount: 1, limit: 500, windowMs: 60_000 };

describe('MemoryRateCounter', () => {
  rateCounterSuite({
    test: it,
    create: () => {
      let now = 1_000_000_123;
      const counter = new MemoryRateCounter(() => now);
      return Promise.resolve({
        ...{ counter, other: counter },
        letPass: (ms: number) => Promise.resolve(void (now += Math.ceil(ms))),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
  });

  it('does not grow beyond all bounds with names that come once', () => {
    const counter = new MemoryRateCounter();
    counter.take({ ...minute, key: 'first' });
    for (let i = 0; i < 60_000; i++) counter.take({ ...minute, key: `name-${String(i)}` });
    expect(counter.take({ ...minute, amount: 0, key: 'first' }).remaining).toBe(500);
    expect(counter.take({ ...minute, amount: 0, key: 'name-59999' }).remaining).toBe(499);
  });
});

describe('LeasedRateCounter', () => {
  const over = (shared: RateCounter) => {
    const changes: boolean[] = [];
    const given: [string, number][] = [];
    const counter = new LeasedRateCounter({
      ...{ shared, local: new MemoryRateCounter(), patienceMs: 50 },
      onChange: (isAnswering) => changes.push(isAnswering),
      giveBack: (key, amount) => Promise.resolve(void given.push([key, amount])),
    });
    return { counter, changes, given };
  };
  /** A counter that is far away, and how often it was asked. */
  const farAway = () => {
    const inner = new MemoryRateCounter();
    const far = {
      asked: 0,
      fails: false,
      hangs: false,
      take: async (question: Parameters<RateCounter['take']>[0]): Promise<RateGrant> => {
        far.asked++;
        if (far.hangs) return new Promise<never>(() => undefined);
        await Promise.resolve();
        if (far.fails) throw new TypeError('away');
        return inner.take(question);
      },
    };
    return far;
  };

  it('asks once for many requests, and never grants more than there is to all servers together', async () => {
    const far = farAway();
    const servers = [over(far), over(far), over(far)];
    let granted = 0;
    for (let i = 0; i < 900; i++) granted += (await servers[i % 3]?.counter.take(minute))?.granted ?? 0;
    expect(granted).toBeLessThanOrEqual(500);
    expect(granted).toBeGreaterThanOrEqual(485);
    expect(far.asked).toBeLessThan(350);
  });

  it('gives a single server all of a small limit, and one refusal for many who come too late', async () => {
    const far = farAway();
    const { counter } = over(far);
    const grants = [];
    for (let i = 0; i < 100; i++) grants.push(await counter.take({ ...minute, limit: 10 }));
    expect(grants.reduce((sum, grant) => sum + grant.granted, 0)).toBe(10);
    expect(grants.at(-1)?.retryAfterMs).toBeGreaterThan(0);
    expect(far.asked).toBeLessThan(20);
  });

  it('asks once when many come at the same moment', async () => {
    const far = farAway();
    const { counter } = over(far);
    const grants = await Promise.all(Array.from({ length: 40 }, () => counter.take(minute)));
    expect(grants.every((grant) => grant.granted === 1)).toBe(true);
    expect(far.asked).toBeLessThan(12);
  });

  it('answers at once while a lease lasts', async () => {
    const { counter } = over(farAway());
    await counter.take(minute);
    expect(counter.take(minute)).not.toBeInstanceOf(Promise);
  });

  it.each(['fails', 'hangs'] as const)('counts by itself while the other %s, and says so once', async (how) => {
    const far = farAway();
    far[how] = true;
    const { counter, changes } = over(far);
    for (let i = 0; i < 5; i++) expect((await counter.take({ ...minute, limit: 5 })).granted).toBe(1);
    expect((await counter.take({ ...minute, limit: 5 })).granted).toBe(0);
    expect([changes, far.asked, counter.isAnswering]).toEqual([[false], 1, false]);
    far[how] = false;
    await expect
      .poll(async () => [(await counter.take({ ...minute, key: 'other' })).granted, counter.isAnswering], {
        timeout: 5_000,
      })
      .toEqual([1, true]);
    expect(changes).toEqual([false, true]);
  });

  it('gives back what it has not used', async () => {
    const { counter, given } = over(farAway());
    await counter.take(minute);
    await counter.close();
    expect(given).toEqual([['k', 4]]);
  });
});
