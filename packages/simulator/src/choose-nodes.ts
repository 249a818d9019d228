import type { SimulatedNodes } from '@hotswap/protocol';
import type { SimulatedNode } from '@hotswap/testing';
import { seededFraction } from './seeded-random.ts';

/**
 * Ids of the nodes that a fault is about. Which ones a share means depends on the seed and on `purpose`, so that two
 * faults of one scenario meet different nodes.
 * @internal
 */
export function chooseNodes(
  fleet: readonly SimulatedNode[],
  wanted: SimulatedNodes | undefined,
  seed: number,
  purpose: string,
): readonly string[] {
  const fitting = wanted === undefined ? fleet : fleet.filter(fits(wanted));
  const { percent, count } = wanted ?? {};
  const size = count ?? (percent === undefined ? fitting.length : Math.ceil((fitting.length * percent) / 100));
  const ids = fitting.map((node) => node.nodeId);
  if (size >= ids.length) return ids;
  return ids
    .map((nodeId) => ({ nodeId, at: seededFraction(seed, purpose, nodeId) }))
    .sort((a, b) => a.at - b.at || (a.nodeId < b.nodeId ? -1 : 1))
    .slice(0, size)
    .map(({ nodeId }) => nodeId);
}

function fits({ nodeIds, regions, zones, labels = {} }: SimulatedNodes): (node: SimulatedNode) => boolean {
  const ids = nodeIds && new Set(nodeIds);
  const wantedLabels = Object.entries(labels);
  return (node) =>
    (ids === undefined || ids.has(node.nodeId)) &&
    (regions === undefined || regions.includes(node.region)) &&
    (zones === undefined || (node.zone !== undefined && zones.includes(node.zone))) &&
    wantedLabels.every(([name, value]) => node.labels?.[name] === value);
}
