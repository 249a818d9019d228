import type { z } from 'zod';
import type { Json } from '../model/json.ts';
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

/**
 * A kind of selector that deployments can name with options: `{"name": "Spread", "options": {"by": "zone"}}`. Several are
 * applied one after the other, each to what the one before it chose, in its order.
 * @public
 */
export interface NodeSelectorPlugin<Options = Json> {
  /** Name on the wire, PascalCase, unique among registered selectors. */
  readonly name: string;
  /** Reads the options: refuses unknown keys, fills defaults. Its output must be JSON. */
  readonly optionsSchema: z.ZodType<Options, unknown>;
  create(options: Options): NodeSelector;
}

/** All reachable candidates in the order given. @public */
export const allReachableNodes: NodeSelector = {
  name: 'all-reachable',
  select: (candidates) => candidates.filter((node) => node.reachable).map((node) => node.nodeId),
};
