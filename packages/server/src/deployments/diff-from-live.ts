import type { Release } from '@hotswap/core';
import type { ReleaseDiff } from '@hotswap/protocol';
import type { ServerParts } from '../server-parts.ts';
import { diffReleases, type DescribedRelease } from './release-diff.ts';

type DiffParts = Pick<ServerParts, 'releases' | 'modules' | 'routes'>;

/**
 * What changes with a release: against another one, or against the one that most requests to the module get now.
 * @throws HS_REGISTRY_RELEASE_NOT_FOUND, HS_REGISTRY_MODULE_NOT_FOUND
 * @internal
 */
export async function diffFromLive(parts: DiffParts, after: Release, against?: string): Promise<ReleaseDiff> {
  const from = against ?? (await liveRelease(parts, after));
  const before = from === null ? null : await described(parts, await parts.releases.get(after.tenant, from));
  return { from, to: after.releaseId, changes: diffReleases(before, await described(parts, after)) };
}

async function described({ modules }: DiffParts, release: Release): Promise<DescribedRelease> {
  return { release, description: (await modules.get(release.tenant, release.moduleId)).description };
}

/** The release with the largest weight in the module's route; `null` when it serves nothing. */
async function liveRelease({ routes }: DiffParts, { tenant, moduleName }: Release): Promise<string | null> {
  const targets = (await routes.find(tenant, moduleName))?.targets ?? [];
  const weights = new Map<string, number>();
  for (const { releaseId, weight } of targets) weights.set(releaseId, (weights.get(releaseId) ?? 0) + weight);
  return [...weights].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0] ?? null;
}
