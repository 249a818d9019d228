import { subtractNodes, unionNodes, type Effect, type NodeSet, type Steps } from '@hotswap/core';

/** What steps returned, and which nodes serve the new release after them. @internal */
export interface Served<Result> {
  readonly value: Result;
  readonly nodes: NodeSet;
}

/** Runs steps and follows to which nodes they send requests: an inner strategy may well leave some of its targets out. @internal */
export function* servedBy<Result>(steps: Steps<Result>): Steps<Served<Result>> {
  let nodes: NodeSet = [];
  let next = steps.next();
  while (!next.done) {
    nodes = after(next.value, nodes);
    next = steps.next(yield next.value);
  }
  return { value: next.value, nodes };
}

function after(effect: Effect, nodes: NodeSet): NodeSet {
  switch (effect.kind) {
    case 'shiftTraffic': {
      const { percent, to, among, releaseId } = effect.input;
      if (releaseId !== undefined) return nodes;
      const elsewhere = subtractNodes(nodes, among);
      return percent > 0 ? unionNodes(elsewhere, to) : elsewhere;
    }
    case 'restore':
      return subtractNodes(nodes, effect.input.nodes);
    default:
      return nodes;
  }
}
