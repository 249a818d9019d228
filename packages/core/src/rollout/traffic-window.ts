import type { Instant } from '../model/deployment.ts';
import { nodeCount, subtractNodes, unionNodes, type NodeSet } from '../model/node-set.ts';
import type { RolloutState } from './rollout-state.ts';

/** Nodes whose traffic has moved, and since when samples count there. @internal */
export interface TrafficWindow {
  readonly nodes: NodeSet;
  readonly since: Instant;
}

/** The window of a part of the rollout; `null` while no traffic has moved there. Without a scope: of all of it. @internal */
export function trafficWindow(state: RolloutState, scope: NodeSet | undefined): TrafficWindow | null {
  const inScope =
    scope === undefined
      ? state.traffic
      : state.traffic.filter((moved) => nodeCount(subtractNodes(moved.nodes, scope)) === 0);
  if (inScope.length === 0) return null;
  return {
    nodes: inScope.reduce<NodeSet>((nodes, moved) => unionNodes(nodes, moved.nodes), []),
    since: Math.max(...inScope.map((moved) => moved.since)),
  };
}
