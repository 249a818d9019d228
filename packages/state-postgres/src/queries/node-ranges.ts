import type { NodeSet } from '@hotswap/core';

/** A node set as a value for `$n::int4multirange`: `position <@ $n` is then membership. @internal */
export function toMultirange(nodes: NodeSet): string {
  return `{${nodes.map(([from, to]) => `[${from},${to})`).join(',')}}`;
}

/** Reads `range_agg(int4range(position, position + 1))`, whose text is in normal form; null is the empty set. @internal */
export function fromMultirange(text: string | null): NodeSet {
  return [...(text ?? '').matchAll(/\[(\d+),(\d+)\)/g)].map(([, from, to]) => [Number(from), Number(to)] as const);
}
