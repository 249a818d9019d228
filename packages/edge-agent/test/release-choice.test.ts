import { describe, expect, it } from 'vitest';
import { chooseRelease } from '../src/modules/release-choice.ts';

const weights = (a: number, b: number): ReadonlyMap<string, number> =>
  new Map([
    ['a', a],
    ['b', b],
  ]);
const keys = Array.from({ length: 5_000 }, (_, i) => `user-${i}`);

describe('chooseRelease', () => {
  it('has nothing to choose from nothing', () => {
    expect(chooseRelease(new Map(), 'key')).toBeUndefined();
  });

  it('splits keys by weight', () => {
    const share = keys.filter((key) => chooseRelease(weights(75, 25), key) === 'b').length / keys.length;
    expect(share).toBeGreaterThan(0.22);
    expect(share).toBeLessThan(0.28);
  });

  it('splits requests without a key by weight', () => {
    const share = keys.filter(() => chooseRelease(weights(75, 25), undefined) === 'b').length / keys.length;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.3);
  });

  it('moves keys only towards a release whose weight grows', () => {
    let before = new Set<string>();
    for (const share of [1, 10, 25, 50, 90, 99]) {
      const now = new Set(keys.filter((key) => chooseRelease(weights(100 - share, share), key) === 'b'));
      for (const key of before) expect(now.has(key)).toBe(true);
      before = now;
    }
  });
});
