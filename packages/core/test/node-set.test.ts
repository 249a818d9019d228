import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  hasPosition,
  nodeCount,
  nodeSetOf,
  nodeSetSchema,
  positionsOf,
  sliceNodes,
  subtractNodes,
  unionNodes,
  type NodeSet,
} from '../src/index.ts';

const positions = fc.array(fc.nat({ max: 60 }), { maxLength: 40 });
const list = (set: NodeSet): number[] => [...positionsOf(set)];
const ascending = (items: Iterable<number>): number[] => [...new Set(items)].sort((a, b) => a - b);

describe('node sets', () => {
  it('hold exactly the positions that they were made of, in normal form', () => {
    fc.assert(
      fc.property(positions, fc.nat({ max: 60 }), (all, one) => {
        const set = nodeSetOf(all);
        expect(list(set)).toEqual(ascending(all));
        expect(nodeCount(set)).toBe(new Set(all).size);
        expect(hasPosition(set, one)).toBe(all.includes(one));
        expect(nodeSetSchema.parse(set)).toEqual(set);
      }),
    );
  });

  it('obey the algebra of sets', () => {
    fc.assert(
      fc.property(positions, positions, (left, right) => {
        const [a, b] = [nodeSetOf(left), nodeSetOf(right)];
        expect(list(unionNodes(a, b))).toEqual(ascending([...left, ...right]));
        expect(list(subtractNodes(a, b))).toEqual(ascending(left.filter((at) => !right.includes(at))));
        expect(unionNodes(subtractNodes(a, b), b)).toEqual(unionNodes(a, b));
        expect(nodeSetSchema.safeParse(unionNodes(a, b)).success).toBe(true);
        expect(nodeSetSchema.safeParse(subtractNodes(a, b)).success).toBe(true);
      }),
    );
  });

  it('are sliced by their own order', () => {
    fc.assert(
      fc.property(positions, fc.nat({ max: 50 }), fc.nat({ max: 50 }), (all, from, to) => {
        expect(list(sliceNodes(nodeSetOf(all), from, to))).toEqual(ascending(all).slice(from, to));
      }),
    );
  });

  it.each([
    [[[3, 3]]],
    [[[5, 4]]],
    [
      [
        [0, 2],
        [1, 3],
      ],
    ],
    [
      [
        [4, 5],
        [0, 1],
      ],
    ],
    [[[-1, 2]]],
    [[[0.5, 2]]],
    ['all'],
  ])('are refused in any other form: %j', (set) => {
    expect(nodeSetSchema.safeParse(set).success).toBe(false);
  });
});
