import { hotSwapError, type DeploymentSpec } from '@hotswap/core';
import type { DeploymentList } from '../ports/deployment-list.ts';

/** Deployments of the module that are looked through for one of the release. */
const mostLookedThrough = 200;

/**
 * What a deployment says of the one that it goes back from. It only does when its release served before that one:
 * otherwise it is a deployment like any other, and nothing is said.
 * @throws HS_DEPLOYMENT_NOT_FOUND
 * @internal
 */
export async function undoneDeployment(
  deployments: Pick<DeploymentList, 'find' | 'list'>,
  { tenant, moduleName, releaseId }: Pick<DeploymentSpec, 'tenant' | 'moduleName' | 'releaseId'>,
  undoes: string | undefined,
): Promise<Pick<DeploymentSpec, 'undoes'>> {
  if (undoes === undefined) return {};
  const undone = await deployments.find(tenant, undoes);
  if (undone?.spec.moduleName !== moduleName) throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId: undoes });
  const { executedAt } = undone.summary;
  if (executedAt === undefined || undone.spec.releaseId === releaseId) return {};
  if (undone.previousReleaseId === releaseId) return { undoes };
  const { items } = await deployments.list(tenant, { moduleName, statuses: ['Completed'], limit: mostLookedThrough });
  const servedBefore = items.some(
    ({ spec, summary }) => spec.releaseId === releaseId && (summary.executedAt ?? Infinity) < executedAt,
  );
  return servedBefore ? { undoes } : {};
}
