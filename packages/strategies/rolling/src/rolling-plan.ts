import { nodeCount, sliceNodes, type NodeSet } from '@hotswap/core';

/** One batch of a rolling rollout. @internal */
export interface RollingBatch {
  readonly nodes: NodeSet;
  /** Everything up to and including this batch. */
  readonly upTo: NodeSet;
  readonly last: boolean;
}

/** Cuts the targets into consecutive batches; the last one may be smaller. @internal */
export function rollingBatches(targets: NodeSet, batchSize: number): readonly RollingBatch[] {
  const total = nodeCount(targets);
  return Array.from({ length: Math.ceil(total / batchSize) }, (_, index) => {
    const from = index * batchSize;
    const to = from + batchSize;
    return { nodes: sliceNodes(targets, from, to), upTo: sliceNodes(targets, 0, to), last: to >= total };
  });
}

/** Whole percent of the targets that have the new release. @internal */
export function succeededPercent(succeeded: number, total: number): number {
  return total === 0 ? 100 : Math.floor((succeeded * 100) / total);
}
