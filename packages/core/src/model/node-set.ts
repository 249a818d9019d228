import { z } from 'zod';

/**
 * `[from, to)`: positions in the target list that a deployment froze when it was executed.
 * @public
 */
export type NodeRange = readonly [from: number, to: number];

/**
 * Part of a deployment's frozen targets as ascending, disjoint, non-empty ranges of positions. Effects carry these
 * instead of node ids: a canary over 100,000 nodes journals a few bytes a stage where ids take megabytes.
 * @public
 */
export type NodeSet = readonly NodeRange[];

const position = z.int().min(0);

/**
 * Accepts only the normal form: ascending, disjoint, non-empty ranges.
 * @public
 */
export const nodeSetSchema: z.ZodType<NodeSet> = z
  .array(z.tuple([position, position]))
  .readonly()
  .refine((ranges) => ranges.every(([from, to], i) => from < to && (i === 0 || (ranges[i - 1]?.[1] ?? 0) <= from)), {
    error: 'ranges must be non-empty, ascending and disjoint',
  });

/** How many nodes the set holds. @public */
export function nodeCount(set: NodeSet): number {
  return set.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** The positions of the set in ascending order. @public */
export function* positionsOf(set: NodeSet): Generator<number, void, undefined> {
  for (const [from, to] of set) for (let at = from; at < to; at++) yield at;
}

/** Whether the set holds a position. @public */
export function hasPosition(set: NodeSet, at: number): boolean {
  return set.some(([from, to]) => at >= from && at < to);
}

/**
 * The n-th up to (not including) the m-th node of a set, counted within the set; bounds beyond its size are cut.
 * @public
 */
export function sliceNodes(set: NodeSet, from: number, to: number): NodeSet {
  const out: NodeRange[] = [];
  let seen = 0;
  for (const [start, end] of set) {
    const low = Math.max(start, start + from - seen);
    const high = Math.min(end, start + to - seen);
    if (low < high) out.push([low, high]);
    seen += end - start;
  }
  return out;
}

/** The set of the given positions, in any order and with repeats. @public */
export function nodeSetOf(positions: Iterable<number>): NodeSet {
  const out: [number, number][] = [];
  for (const at of [...new Set(positions)].sort((a, b) => a - b)) {
    const last = out.at(-1);
    if (last && last[1] === at) last[1] = at + 1;
    else out.push([at, at + 1]);
  }
  return out;
}

/** Nodes that are in either set. @public */
export function unionNodes(a: NodeSet, b: NodeSet): NodeSet {
  const out: [number, number][] = [];
  for (const [from, to] of [...a, ...b].sort((x, y) => x[0] - y[0])) {
    const last = out.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}

/** Nodes of the first set that are not in the second. @public */
export function subtractNodes(from: NodeSet, removed: NodeSet): NodeSet {
  let left: NodeRange[] = [...from];
  for (const [low, high] of removed) {
    left = left.flatMap(([start, end]): NodeRange[] => {
      const parts: NodeRange[] = [];
      if (start < Math.min(end, low)) parts.push([start, Math.min(end, low)]);
      if (Math.max(start, high) < end) parts.push([Math.max(start, high), end]);
      return parts;
    });
  }
  return left;
}
