import type { SimulatedFleet } from '@hotswap/protocol';
import type { SimulatedNode } from '@hotswap/testing';
import { invalidScenario } from './read-scenario.ts';

/** What the nodes serve before. */
const oldRelease = 'old';

/** The nodes that a description means. Regions come first, each with numbered nodes. @public */
export function describedFleet({ regions = {}, nodes = [], serves = true }: SimulatedFleet): readonly SimulatedNode[] {
  const serving = [{ releaseId: oldRelease, weight: 100 }];
  const nothing: typeof serving = [];
  const numbered = Object.entries(regions).flatMap(([region, count]) =>
    Array.from({ length: count }, (_, n) => ({
      nodeId: `${region}-${String(n).padStart(String(count - 1).length, '0')}`,
      region,
      serving: serves ? serving : nothing,
    })),
  );
  const single = nodes.map(({ serves: own = true, ...node }) => ({ ...node, serving: own ? serving : nothing }));
  const all = [...numbered, ...single];
  if (new Set(all.map(({ nodeId }) => nodeId)).size < all.length)
    throw invalidScenario([{ pointer: '/fleet/nodes', detail: 'must not name a node twice' }]);
  return all;
}
