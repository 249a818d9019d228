import type { NodeSelectorPlugin } from '@hotswap/core';
import { capacity, runtime } from './ability-selectors.ts';
import { canaryFirst, limit, spread } from './order-selectors.ts';
import { labels, regions, zones } from './place-selectors.ts';

/** All selectors of this package, for an engine's `selectors`. @public */
export function standardSelectors(): readonly NodeSelectorPlugin<unknown>[] {
  return [regions, zones, labels, runtime, capacity, spread, canaryFirst, limit];
}
