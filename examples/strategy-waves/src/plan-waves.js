// @ts-check
import { nodeCount, sliceNodes, subtractNodes, unionNodes } from '@hotswap/core';

/**
 * Everything that has the release after each wave, the last being all targets.
 * @param {import('@hotswap/core').NodeSet} targets
 * @param {readonly import('@hotswap/core').NodeSet[]} regions
 * @param {{ readonly scouts: number, readonly growth: number }} config
 * @returns {readonly import('@hotswap/core').NodeSet[]}
 */
export function planWaves(targets, regions, { scouts, growth }) {
  const total = nodeCount(targets);
  let reached = regions.map((nodes) => sliceNodes(nodes, 0, scouts)).reduce(unionNodes, []);
  const planned = [reached];
  while (nodeCount(reached) < total) {
    const wanted = Math.ceil(nodeCount(reached) * growth) - nodeCount(reached);
    reached = unionNodes(reached, sliceNodes(subtractNodes(targets, reached), 0, wanted));
    planned.push(reached);
  }
  return planned;
}
