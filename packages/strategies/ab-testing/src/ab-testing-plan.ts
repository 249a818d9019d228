import { durationMs, nodeCount, sliceNodes, type NodeSet } from '@hotswap/core';
import type { ABTestingConfig } from './ab-testing-options.ts';

/** Nodes that get variant B: the last ceil(count x percent / 100) of the targets, or all of them in place. @internal */
export function variantBNodes(
  targets: NodeSet,
  { placement, variantBPercentage }: Pick<ABTestingConfig, 'placement' | 'variantBPercentage'>,
): NodeSet {
  if (placement === 'in-place') return targets;
  const total = nodeCount(targets);
  // A product like 10 x 30 % may come out a hair above the whole number that it is.
  const count = Math.ceil(Number(((total * variantBPercentage) / 100).toFixed(9)));
  return sliceNodes(targets, total - count, total);
}

/** Lengths of the periods between looks; they add up to the experiment's, and the last may be shorter. @internal */
export function lookPeriodsMs({
  experimentDuration,
  lookInterval,
}: Pick<ABTestingConfig, 'experimentDuration' | 'lookInterval'>): readonly number[] {
  const [allMs, eachMs] = [durationMs(experimentDuration), durationMs(lookInterval)];
  const looks = Math.max(1, Math.ceil(allMs / eachMs));
  return Array.from({ length: looks }, (_, look) => Math.min(eachMs, allMs - look * eachMs));
}
