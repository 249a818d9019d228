import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCount, subtractNodes, unionNodes, type NodeSet } from '@hotswap/core';
import { lookPeriodsMs, variantBNodes } from '../src/ab-testing-plan.ts';

const targets = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }).map((sizes) => {
  let at = 0;
  return sizes.map((size): NodeSet[number] => {
    const from = at + 3;
    at = from + size;
    return [from, at];
  });
});

describe('the nodes of variant B', () => {
  it('are the last ceil(nodes x percent / 100), the others are A', () => {
    fc.assert(
      fc.property(targets, fc.integer({ min: 1, max: 99 }), (nodes, variantBPercentage) => {
        const b = variantBNodes(nodes, { placement: 'separate', variantBPercentage });
        const a = subtractNodes(nodes, b);
        expect(nodeCount(b)).toBe(Math.ceil((nodeCount(nodes) * variantBPercentage) / 100 - 1e-9));
        expect(unionNodes(a, b)).toEqual(unionNodes(nodes, []));
        expect(Math.max(-1, ...a.map(([, to]) => to - 1))).toBeLessThan(b[0]?.[0] ?? Infinity);
      }),
    );
  });

  it('are 4 of 20 at 20 %, as text 002 draws it, and all in place', () => {
    expect(variantBNodes([[0, 20]], { placement: 'separate', variantBPercentage: 20 })).toEqual([[16, 20]]);
    expect(variantBNodes([[0, 20]], { placement: 'in-place', variantBPercentage: 20 })).toEqual([[0, 20]]);
  });
});

describe('the looks of an experiment', () => {
  it('take its time together, the last one what is left', () => {
    const periods = (experimentDuration: string, lookInterval: string): readonly number[] =>
      lookPeriodsMs({ experimentDuration, lookInterval });
    expect(periods('PT2H', 'PT1M')).toHaveLength(120);
    expect(periods('PT2M30S', 'PT1M')).toEqual([60_000, 60_000, 30_000]);
    expect(periods('PT10S', 'PT1M')).toEqual([10_000]);
  });
});
