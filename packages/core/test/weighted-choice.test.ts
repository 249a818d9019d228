import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseByKey, chooseByWeight } from '@hotswap/core';

const versions = (weights: readonly number[]) => weights.map((weight, at) => ({ name: `rel-${at}`, weight }));

describe('chooseByWeight', () => {
  it('gives each version its share of the fractions', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 1_000; i++) {
      const name = chooseByWeight(versions([1, 0, 3]), i / 1_000)?.name ?? 'none';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({ 'rel-0': 250, 'rel-2': 750 });
  });

  it('chooses nothing when nothing has weight', () => {
    expect(chooseByWeight(versions([0, 0]), 0.5)).toBeUndefined();
    expect(chooseByWeight([], 0.5)).toBeUndefined();
  });

  it('always chooses a version with weight, whatever the fraction and the rounding', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0, max: 0.999_999_999_999_999_9, noNaN: true }),
        (weights, fraction) => {
          const chosen = chooseByWeight(versions(weights), fraction);
          expect(chosen === undefined).toBe(weights.every((weight) => weight === 0));
          if (chosen !== undefined) expect(chosen.weight).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe('chooseByKey', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `user-${i}`);

  it('gives equal keys equal versions, in any order of the versions', () => {
    for (const key of keys.slice(0, 500)) {
      const items = versions([2, 5, 3]);
      expect(chooseByKey(items, key)?.name).toBe(chooseByKey(items.toReversed(), key)?.name);
    }
  });

  it('spreads keys by weight within two percentage points', () => {
    const share = keys.filter((key) => chooseByKey(versions([90, 10]), key)?.name === 'rel-1').length / keys.length;
    expect(share).toBeGreaterThan(0.08);
    expect(share).toBeLessThan(0.12);
  });

  it('never moves a key away from a version whose weight alone grows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 2, maxLength: 5 }),
        fc.nat(),
        fc.integer({ min: 1, max: 100 }),
        fc.string(),
        (weights, which, more, key) => {
          const grows = which % weights.length;
          const before = chooseByKey(versions(weights), key)?.name;
          const after = chooseByKey(
            versions(weights.map((weight, at) => (at === grows ? weight + more : weight))),
            key,
          )?.name;
          if (before !== undefined) expect([before, `rel-${grows}`]).toContain(after);
          if (before === `rel-${grows}`) expect(after).toBe(before);
        },
      ),
    );
  });

  it('never flips a key back while a canary grows from nothing to everything', () => {
    for (const key of keys.slice(0, 500)) {
      const steps = [0, 5, 10, 25, 50, 75, 90, 100].map(
        (canary) => chooseByKey(versions([100 - canary, canary]), key)?.name,
      );
      expect(steps.join()).toMatch(/^(rel-0,?)*(rel-1,?)*$/);
    }
  });
});
