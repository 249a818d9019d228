/**
 * Relative weights of (node, release) pairs after a shift of traffic. A node that serves its full share has 100 in all.
 * @public
 */
export interface RouteWeights {
  /** Of the new release on each node of the stage. */
  readonly candidate: number;
  /** Of the baseline on each node of the stage. */
  readonly baselineOnStage: number;
  /** Of the baseline on each other node. */
  readonly baselineElsewhere: number;
}

/**
 * How `percent` of the requests reach the new release (contracts, "traffic and nodes").
 * With a router that chooses between nodes the share goes to the stage's nodes, which then serve nothing else; without
 * one every node keeps its share of requests and the stage's nodes split locally, never beyond 100 %. Never both.
 * Where no other node has the baseline the stage's own nodes keep serving it; without any baseline all goes to the new.
 * @public
 */
export function routeWeights(shift: {
  /** 0-100: share of the requests that `among` serves. */
  readonly percent: number;
  readonly stageNodes: number;
  readonly allNodes: number;
  readonly baselineOnStage: boolean;
  readonly baselineElsewhere: boolean;
  readonly routerSpansNodes: boolean;
}): RouteWeights {
  const { percent, stageNodes, allNodes } = shift;
  const others = allNodes - stageNodes;
  const all: RouteWeights = {
    candidate: stageNodes === 0 ? 0 : (100 * allNodes) / stageNodes,
    baselineOnStage: 0,
    baselineElsewhere: 0,
  };
  if (percent >= 100 || (!shift.baselineOnStage && !shift.baselineElsewhere)) return all;
  if (shift.routerSpansNodes && others > 0 && shift.baselineElsewhere) {
    return {
      candidate: (percent * allNodes) / stageNodes,
      baselineOnStage: 0,
      baselineElsewhere: ((100 - percent) * allNodes) / others,
    };
  }
  const local = shift.baselineOnStage ? Math.min(100, (percent * allNodes) / stageNodes) : 100;
  return { candidate: local, baselineOnStage: 100 - local, baselineElsewhere: 100 };
}
