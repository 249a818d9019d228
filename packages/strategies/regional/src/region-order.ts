import { nodeCount, type NodeSet } from '@hotswap/core';

/** A region with targets. @internal */
export interface Region {
  readonly name: string;
  readonly nodes: NodeSet;
}

/** Whole words of a name that say that no customer is there. */
const rehearsals = [
  ['dev', 'development', 'sandbox', 'local'],
  ['staging', 'stage', 'preprod', 'uat', 'qa', 'test'],
];
/** Low traffic before high traffic, as text 002 has it. */
const byTraffic = ['us-west', 'eu-west', 'us-east', 'eu-central', 'apac-east'];

/**
 * The regions that have targets: those that were asked for first, the rest in the default order (STR-6, D-14), which is
 * development, staging, regions that text 002 does not name (the smallest first), and then those that it names.
 * @internal
 */
export function regionsInOrder(
  regions: Readonly<Record<string, NodeSet>>,
  asked: readonly string[],
): readonly Region[] {
  const present = Object.entries(regions)
    .map(([name, nodes]): Region => ({ name, nodes }))
    .filter(({ nodes }) => nodeCount(nodes) > 0);
  const first = asked.flatMap((name) => present.filter((region) => region.name === name));
  const rest = present.filter((region) => !first.includes(region)).sort(byDefault);
  return [...first, ...rest];
}

function byDefault(a: Region, b: Region): number {
  const [rankOfA, rankOfB] = [rankOf(a.name), rankOf(b.name)];
  if (rankOfA !== rankOfB) return rankOfA - rankOfB;
  return nodeCount(a.nodes) - nodeCount(b.nodes) || (a.name < b.name ? -1 : 1);
}

function rankOf(name: string): number {
  const words = name.toLowerCase().split(/[^a-z]+/);
  const rehearsal = rehearsals.findIndex((names) => words.some((word) => names.includes(word)));
  if (rehearsal >= 0) return rehearsal;
  return rehearsals.length + 1 + byTraffic.indexOf(name);
}
