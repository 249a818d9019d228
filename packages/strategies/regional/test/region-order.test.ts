import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NodeSet } from '@hotswap/core';
import { regionsInOrder } from '../src/region-order.ts';

const sized = (sizes: Readonly<Record<string, number>>): Readonly<Record<string, NodeSet>> => {
  let at = 0;
  return Object.fromEntries(
    Object.entries(sizes).map(([name, size]) => [name, size === 0 ? [] : [[at, (at += size)] as const]]),
  );
};
const order = (sizes: Readonly<Record<string, number>>, asked: readonly string[] = []): readonly string[] =>
  regionsInOrder(sized(sizes), asked).map(({ name }) => name);

describe('the order of regions', () => {
  it('is the one of text 002 unless somebody says otherwise', () => {
    const all = ['apac-east', 'eu-central', 'us-east', 'eu-west', 'us-west', 'staging', 'dev'];
    expect(order(Object.fromEntries(all.map((name) => [name, 3])))).toEqual(all.toReversed());
  });

  it('takes what is asked for first, skips what has no node, and lets the rest follow (D-14)', () => {
    expect(order({ 'us-east': 1, 'us-west': 1, dev: 1, 'eu-central': 0 }, ['us-east', 'mars', 'eu-central'])).toEqual([
      'us-east',
      'dev',
      'us-west',
    ]);
  });

  it('puts regions of other names behind rehearsals, the smallest first', () => {
    const sizes = { 'us-west': 1, 'eu-north-1': 9, 'sa-east-1': 2, 'ap-south-1': 2, 'eu-staging': 50, 'devices-eu': 1 };
    expect(order({ ...sizes, 'us-dev-2': 80 })).toEqual([
      'us-dev-2',
      'eu-staging',
      'devices-eu',
      'ap-south-1',
      'sa-east-1',
      'eu-north-1',
      'us-west',
    ]);
  });

  it('has every region with nodes exactly once, whatever is asked for', () => {
    const names = fc.uniqueArray(fc.constantFrom('dev', 'staging', 'us-west', 'us-east', 'x', 'y', 'z'));
    fc.assert(
      fc.property(names, names, (present, asked) => {
        const found = order(Object.fromEntries(present.map((name, size) => [name, size])), asked);
        const withNodes = present.slice(1);
        expect([...found].sort()).toEqual([...withNodes].sort());
        const wanted = asked.filter((name) => withNodes.includes(name));
        expect(found.slice(0, wanted.length)).toEqual(wanted);
      }),
    );
  });
});
