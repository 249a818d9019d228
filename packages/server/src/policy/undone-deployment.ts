import { hotSwapError, type DeploymentSpec } from '@hotswap/core';
import type { DeploymentList, DeploymentRecord } from '../ports/deployment-list.ts';

/** Deployments of the module that are looked through for the one that serves. */
const mostLookedThrough = 200;

/** What goes back, and where. @internal */
export type WayBack = Pick<DeploymentSpec, 'tenant' | 'moduleName' | 'releaseId' | 'regions'>;

type Deployments = Pick<DeploymentList, 'find' | 'list' | 'firstServed'>;

/**
 * What a deployment says of the one that it goes back from. It only does when that one serves now wherever it goes itself,
 * and its release served before the other's ever did, so that nobody can go back and forth: otherwise it is a deployment
 * like any other, and nothing is said.
 * @throws HS_DEPLOYMENT_NOT_FOUND
 * @internal
 */
export async function undoneDeployment(
  deployments: Deployments,
  wayBack: WayBack,
  undoes: string | undefined,
): Promise<Pick<DeploymentSpec, 'undoes'>> {
  if (undoes === undefined) return {};
  const undone = await deployments.find(wayBack.tenant, undoes);
  if (undone?.spec.moduleName !== wayBack.moduleName)
    throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId: undoes });
  const goesBack =
    isWithin(wayBack.regions, undone.spec.regions) &&
    (await servedBefore(deployments, wayBack, undone)) &&
    (await isLatest(deployments, wayBack, undoes));
  return goesBack ? { undoes } : {};
}

/**
 * Whether something else has happened to what a deployment says it goes back from, since it was created: windows and
 * freezes hold it up then.
 * @internal
 */
export async function isOvertaken(
  deployments: Pick<DeploymentList, 'list'>,
  spec: WayBack & Pick<DeploymentSpec, 'undoes'>,
): Promise<boolean> {
  return spec.undoes !== undefined && !(await isLatest(deployments, spec, spec.undoes));
}

/** The latest deployment of a module in some regions is what serves there, unless it has been undone itself. */
async function isLatest(
  deployments: Pick<DeploymentList, 'list'>,
  { tenant, moduleName, regions }: WayBack,
  deploymentId: string,
): Promise<boolean> {
  const { items } = await deployments.list(tenant, { moduleName, limit: mostLookedThrough });
  const latest = items.find(
    ({ spec, summary: { executedAt, status } }) =>
      executedAt !== undefined && status !== 'RolledBack' && status !== 'Cancelled' && overlaps(spec.regions, regions),
  );
  return latest?.spec.deploymentId === deploymentId;
}

async function servedBefore(
  deployments: Pick<DeploymentList, 'firstServed'>,
  { tenant, releaseId }: WayBack,
  { spec, summary: { executedAt = -Infinity } }: DeploymentRecord,
): Promise<boolean> {
  const [before, after] = await Promise.all(
    [releaseId, spec.releaseId].map((each) => deployments.firstServed(tenant, each)),
  );
  return releaseId !== spec.releaseId && typeof before === 'number' && before < Math.min(after ?? Infinity, executedAt);
}

/** Regions as specs have them; `null` is all. */
type Regions = DeploymentSpec['regions'];

const isWithin = (inner: Regions, outer: Regions): boolean =>
  outer === null || (inner !== null && inner.every((region) => outer.includes(region)));

const overlaps = (one: Regions, other: Regions): boolean =>
  one === null || other === null || one.some((region) => other.includes(region));
