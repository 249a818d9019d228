import { subtractNodes, unionNodes, type NodeSet } from '@hotswap/core';
import type { BlueGreenConfig } from './blue-green-options.ts';

/** Both environments of a blue-green rollout. @internal */
export interface Environments {
  /** Nodes that serve the old version; none at a first deployment. */
  readonly blue: NodeSet;
  /** Nodes that get the new one. */
  readonly green: NodeSet;
  readonly both: NodeSet;
}

/** Blue is what serves now; Green is the rest of the targets, or all of them `in-place`. @internal */
export function environmentsOf(
  targets: NodeSet,
  running: NodeSet,
  placement: BlueGreenConfig['placement'],
): Environments {
  const green = placement === 'in-place' ? targets : subtractNodes(targets, running);
  return { blue: running, green, both: unionNodes(running, green) };
}
