import { describe, expect, it } from 'vitest';
import { rateGrant, type WindowCounts } from '@hotswap/core';

const windowMs = 60_000;
const ask = (counts: Partial<WindowCounts>, amount = 1, limit = 10) =>
  rateGrant({ key: 'k', amount, limit, windowMs }, { current: 0, previous: 0, elapsedMs: 0, ...counts });

describe('rateGrant', () => {
  it('grants up to the limit and says what remains', () => {
    expect(ask({ elapsedMs: 15_000 })).toEqual({ granted: 1, remaining: 9, resetMs: 45_000, retryAfterMs: 0 });
    expect(ask({ current: 9 })).toMatchObject({ granted: 1, remaining: 0 });
    expect(ask({ current: 10 })).toMatchObject({ granted: 0, remaining: 0 });
    expect(ask({ current: 7 }, 20)).toMatchObject({ granted: 3, remaining: 0 });
  });

  it('lets no more through at the edge of two windows than within one', () => {
    expect(ask({ previous: 10, elapsedMs: 0 })).toMatchObject({ granted: 0 });
    expect(ask({ previous: 10, elapsedMs: 30_000 }, 20)).toMatchObject({ granted: 5 });
    expect(ask({ previous: 10, elapsedMs: 59_999 }, 20)).toMatchObject({ granted: 9 });
  });

  it('says when one more will be granted, to the millisecond', () => {
    for (let current = 0; current <= 12; current++)
      for (let previous = 0; previous <= 12; previous++)
        for (const elapsedMs of [0, 1, 12_345, 59_999]) {
          const { granted, remaining, retryAfterMs } = ask({ current, previous, elapsedMs });
          const used = current + granted;
          const later = (ms: number): number => {
            const at = elapsedMs + ms;
            const next = at >= windowMs;
            return ask({
              current: next ? 0 : used,
              previous: next ? used : previous,
              elapsedMs: at - (next ? windowMs : 0),
            }).granted;
          };
          if (remaining === 0 && retryAfterMs > 0) {
            expect(later(Math.ceil(retryAfterMs) + 1)).toBe(1);
            if (retryAfterMs > 2) expect(later(Math.floor(retryAfterMs) - 1)).toBe(0);
          }
        }
  });

  it('never takes back what was counted when the limit falls', () => {
    expect(ask({ current: 50 }, 1, 10)).toMatchObject({ granted: 0, remaining: 0 });
  });
});
