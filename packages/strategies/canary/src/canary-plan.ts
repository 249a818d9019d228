import { nodeCount, sliceNodes, type NodeSet } from '@hotswap/core';

/** One stage of a canary. @internal */
export interface CanaryStage {
  readonly percent: number;
  /** Nodes of this stage and all before it. */
  readonly nodes: NodeSet;
  /** Nodes that this stage adds; empty when the fleet is too small for the percentages to differ. */
  readonly added: NodeSet;
  /** Percent of the stage after it; absent on the last. */
  readonly next?: number;
}

/** Stages over the targets: ceil(count x percent / 100) nodes each, cumulative, in the order of the targets. @internal */
export function canaryStages(targets: NodeSet, percentages: readonly number[]): readonly CanaryStage[] {
  const total = nodeCount(targets);
  let reached = 0;
  return percentages.map((percent, index) => {
    const upTo = stageSize(total, percent);
    const next = percentages[index + 1];
    const stage = {
      percent,
      nodes: sliceNodes(targets, 0, upTo),
      added: sliceNodes(targets, reached, upTo),
      ...(next === undefined ? {} : { next }),
    };
    reached = upTo;
    return stage;
  });
}

/** Percentages reached from a first one by equal steps, ending in 100. @internal */
export function stagesFromIncrements(initialPercent: number, incrementPercent: number): readonly number[] {
  const stages: number[] = [];
  let percent = initialPercent;
  while (percent < 100) {
    stages.push(percent);
    percent = withoutNoise(initialPercent + stages.length * incrementPercent);
  }
  return [...stages, 100];
}

/** What binary fractions add up to may be a hair beside the number that it is. */
const withoutNoise = (value: number): number => Number(value.toFixed(9));

function stageSize(total: number, percent: number): number {
  return Math.min(total, Math.ceil(withoutNoise((total * percent) / 100)));
}
