import { nodeCount, subtractNodes, unionNodes, type NodeSet, type Outcome } from '@hotswap/core';
import type { Region } from './region-order.ts';

/** What became of a region. @internal */
export interface RegionResult {
  readonly region: Region;
  /** Nodes that did not get or keep the new release. */
  readonly failed: NodeSet;
  /** Why the region has the old release; absent when it has the new one. */
  readonly why?: string;
  /** The inner strategy's own wishes. */
  readonly retain?: Outcome['retain'];
}

/** Sums the regions up: all of them, some of them, or none (D-9). @internal */
export function regionalOutcome(regions: readonly Region[], results: readonly RegionResult[]): Outcome {
  const untouched = regions.slice(results.length);
  const failed = [...results.map((result) => result.failed), ...untouched.map(({ nodes }) => nodes)].reduce(
    unionNodes,
    [],
  );
  if (nodeCount(failed) === 0) return { status: 'Completed', ...retentionOf(regions, results) };
  const succeeded = results.filter(({ why }) => why === undefined);
  const message = [
    listed('Succeeded', succeeded.map(nameOf)),
    listed(
      'Failed',
      results.filter(({ why }) => why !== undefined).map((result) => `${nameOf(result)} (${result.why ?? ''})`),
    ),
    listed(
      'Not begun',
      untouched.map(({ name }) => name),
    ),
  ]
    .filter((part) => part !== '')
    .join('; ');
  if (succeeded.length === 0) return { status: 'RolledBack', message, failed };
  return { status: 'PartiallyCompleted', message, failed, ...retentionOf(regions, results) };
}

const nameOf = ({ region, failed }: RegionResult): string => {
  const [left, all] = [nodeCount(failed), nodeCount(region.nodes)];
  return left > 0 && left < all ? `${region.name} (${String(all - left)} of ${String(all)} nodes)` : region.name;
};

const listed = (title: string, names: readonly string[]): string =>
  names.length === 0 ? '' : `${title}: ${names.join(', ')}`;

/** Regions whose inner strategy had no wish keep the old release as long as the deployment says. */
function retentionOf(regions: readonly Region[], results: readonly RegionResult[]): Pick<Outcome, 'retain'> {
  const own = results.filter(({ retain }) => retain !== undefined);
  if (own.length === 0) return {};
  const all = regions.map(({ nodes }) => nodes).reduce(unionNodes, []);
  const others = own.map(({ region }) => region.nodes).reduce(subtractNodes, all);
  return { retain: [...own.flatMap(({ retain }) => retain ?? []), ...(others.length > 0 ? [{ retire: others }] : [])] };
}
