import { hotSwapError, type ReleaseId, type RolloutEngine } from '@hotswap/core';
import { serverError } from '../error-codes.ts';
import type { DeploymentList, DeploymentRecord } from '../ports/deployment-list.ts';
import type { ModuleRegistry, ReleaseRegistry } from '../ports/module-registry.ts';
import { allowedRegions } from './allowed-regions.ts';

/** Where a rollback goes that shall not end at what served before. @internal */
export interface RollbackTarget {
  readonly toReleaseId: ReleaseId;
  /** Default: all regions of the deployment. */
  readonly regions?: readonly string[] | undefined;
}

/**
 * Sees to it that a rollback goes back: to a release of the same module of which the bytes are there, that has served, and
 * that may be where it shall go. Approvals and freezes were asked for when that release was executed. Whether its interfaces
 * still fit hosts and consumers is not asked again: a rollback to what served just before is not held to that either, and
 * a node that cannot load the release keeps what it has.
 * @throws HS_REGISTRY_RELEASE_NOT_FOUND, HS_REGISTRY_MODULE_NOT_FOUND, HS_REGISTRY_OTHER_MODULE,
 * HS_DEPLOYMENT_COMMAND_REFUSED, HS_SELECT_REGION_FORBIDDEN
 * @internal
 */
export async function requireRollbackTarget(
  parts: {
    readonly releases: ReleaseRegistry;
    readonly modules: ModuleRegistry;
    readonly deployments: Pick<DeploymentList, 'firstServed'>;
    readonly engine: Pick<RolloutEngine, 'state'>;
  },
  { spec, summary: { status } }: DeploymentRecord,
  { toReleaseId: releaseId, regions }: RollbackTarget,
): Promise<void> {
  const { tenant } = spec;
  const release = await parts.releases.get(tenant, releaseId);
  const module = await parts.modules.get(tenant, release.moduleId);
  const refused = (why: string): Error =>
    hotSwapError('HS_DEPLOYMENT_COMMAND_REFUSED', { command: 'rollback', status, why });
  if (release.shadowOf !== undefined)
    throw refused(`${releaseId} is ${release.shadowOf} without its capabilities, for copies of requests only`);
  if (release.moduleName !== spec.moduleName)
    throw serverError('HS_REGISTRY_OTHER_MODULE', {
      ...{ releaseId, moduleName: release.moduleName, expected: spec.moduleName },
    });
  if ((await parts.deployments.firstServed(tenant, releaseId)) === null)
    throw refused(`${releaseId} has never served: deploy it`);
  const concerned = regions ?? Object.keys((await parts.engine.state(tenant, spec.deploymentId)).regions);
  allowedRegions(module, concerned, (at) => (regions === undefined ? '/toReleaseId' : `/regions/${String(at)}`));
}
