import assert from 'node:assert/strict';
import type { RateGrant, RateQuestion } from '@hotswap/core';
import { defineSuite, type Clauses, type SuiteOptions } from '../define-suite.ts';
import type { RateCounterRig } from './rate-counter-rig.ts';

/** So long that no run of the suite sees it end. */
const longMs = 3_600_000;
/** So short that the suite can see it end. */
const shortMs = 500;

const question = (changes: Partial<RateQuestion> = {}): RateQuestion => ({
  ...{ key: 'alice', amount: 1, limit: 10, windowMs: longMs },
  ...changes,
});

const grantedOf = (grants: readonly RateGrant[]): number => grants.reduce((sum, { granted }) => sum + granted, 0);

const clauses: Clauses<RateCounterRig> = {
  async 'grants up to the limit, then says for how long not'({ counter }) {
    for (let left = 9; left >= 0; left--) {
      const grant = await counter.take(question());
      assert.deepEqual([grant.granted, grant.remaining], [1, left]);
      assert.ok(grant.resetMs > 0 && grant.resetMs <= longMs, `resetMs is ${grant.resetMs}`);
      if (left > 0) assert.equal(grant.retryAfterMs, 0);
    }
    const refused = await counter.take(question());
    assert.deepEqual([refused.granted, refused.remaining], [0, 0]);
    assert.ok(refused.retryAfterMs > 0, `retryAfterMs is ${refused.retryAfterMs}`);
  },

  async 'counts each key by itself'({ counter }) {
    assert.equal((await counter.take(question({ amount: 10 }))).granted, 10);
    assert.equal((await counter.take(question({ amount: 10, key: 'bob' }))).granted, 10);
    assert.equal((await counter.take(question({ amount: 10, key: 'alice\nbob' }))).granted, 10);
  },

  async 'grants a part when not everything is left'({ counter }) {
    assert.equal((await counter.take(question({ amount: 7 }))).granted, 7);
    assert.deepEqual(pick(await counter.take(question({ amount: 7 }))), { granted: 3, remaining: 0 });
  },

  async 'tells what is left without taking any'({ counter }) {
    await counter.take(question({ amount: 4 }));
    for (let i = 0; i < 3; i++)
      assert.deepEqual(pick(await counter.take(question({ amount: 0 }))), { granted: 0, remaining: 6 });
  },

  async 'is the same for two servers'({ counter, other }) {
    assert.equal((await counter.take(question({ amount: 6 }))).granted, 6);
    assert.deepEqual(pick(await other.take(question({ amount: 6 }))), { granted: 4, remaining: 0 });
    assert.equal((await counter.take(question())).granted, 0);
  },

  async 'never grants more than the limit, however many ask at once'({ counter, other }) {
    const asked = Array.from({ length: 200 }, async (_, i) =>
      (i % 2 === 0 ? counter : other).take(question({ amount: 3, limit: 100 })),
    );
    assert.equal(grantedOf(await Promise.all(asked)), 100);
  },

  async 'keeps to a limit that has fallen'({ counter }) {
    await counter.take(question({ amount: 8 }));
    assert.deepEqual(pick(await counter.take(question({ limit: 5 }))), { granted: 0, remaining: 0 });
    assert.deepEqual(pick(await counter.take(question({ limit: 12 }))), { granted: 1, remaining: 3 });
  },

  async 'counts on from the window before, so that its edge lets nothing extra through'(rig) {
    const short = question({ amount: 100, limit: 100, windowMs: shortMs });
    const first = await rig.counter.take(short);
    await rig.letPass(first.resetMs + 1);
    const next = await rig.counter.take(short);
    const elapsedMs = shortMs - next.resetMs;
    // By what it says of the time itself: a machine that is late must not fail this.
    assert.ok(
      next.granted <= (100 * elapsedMs) / shortMs + 1 || first.granted < 100,
      `${next.granted} more after ${elapsedMs} ms`,
    );
  },

  async 'grants again once the time that it named is over'(rig) {
    const short = question({ amount: 5, limit: 5, windowMs: shortMs });
    const used = await rig.counter.take(short);
    assert.equal(used.granted, 5);
    await rig.letPass(used.retryAfterMs + 10);
    assert.ok((await rig.counter.take({ ...short, amount: 1 })).granted === 1, 'it was still refused');
  },

  async 'does not count what it refuses'(rig) {
    const short = question({ limit: 5, windowMs: shortMs });
    await rig.counter.take({ ...short, amount: 5 });
    const refused = await rig.counter.take(short);
    for (let i = 0; i < 50; i++) await rig.counter.take(short);
    await rig.letPass(refused.retryAfterMs + 10);
    assert.equal((await rig.counter.take(short)).granted, 1);
  },
};

function pick({ granted, remaining }: RateGrant): Pick<RateGrant, 'granted' | 'remaining'> {
  return { granted, remaining };
}

/**
 * What a `RateCounter` has to do: never more than the limit, nothing extra at the edge of a window, and the truth about
 * when it goes on.
 * @public
 */
export function rateCounterSuite(options: SuiteOptions<RateCounterRig>): void {
  defineSuite(options, clauses);
}
