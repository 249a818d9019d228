import { expect, it } from 'vitest';
import { LogRate } from '../src/log-rate.ts';

it('a log rate grants a second at once and grows back over time', () => {
  let nowMs = 0;
  const rate = new LogRate(1_000, () => nowMs);
  expect([rate.take(600), rate.take(600), rate.leftBytes]).toEqual([600, 400, 0]);
  nowMs = 100;
  expect(rate.take(600)).toBe(100);
  nowMs = 60_000;
  expect(rate.take(5_000)).toBe(1_000);
});

it('steps too short to gain a byte add up', () => {
  let nowMs = 0;
  const rate = new LogRate(10, () => nowMs);
  expect(rate.take(10)).toBe(10);
  for (nowMs = 10; nowMs < 100; nowMs += 10) expect(rate.leftBytes).toBe(0);
  expect(rate.leftBytes).toBe(1);
});
