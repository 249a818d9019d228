import type { CandidateNode } from './fleet-reader.ts';

/**
 * Chooses and orders a deployment's targets. Pure: the same candidates give the same list.
 * @public
 */
export interface NodeSelector {
  readonly name: string;
  /** Ids of the chosen nodes in rollout order, without repeats; empty when none fits. */
  select(candidates: readonly CandidateNode[]): readonly string[];
}

/** All reachable candidates in the order given. @public */
export const allReachableNodes: NodeSelector = {
  name: 'all-reachable',
  select: (candidates) => candidates.filter((node) => node.reachable).map((node) => node.nodeId),
};
