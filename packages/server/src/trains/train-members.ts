import type { MemberState, Train } from '@hotswap/core';
import type { DeploymentList, DeploymentRecord } from '../ports/deployment-list.ts';

/**
 * A member's deployment; `null`: it was never created. Ids can be chosen, so that somebody else's deployment may stand under
 * the one that a member would have had: that is none of the train's.
 * @internal
 */
export async function findMember(
  deployments: Pick<DeploymentList, 'find'>,
  { tenant, trainId }: Pick<Train, 'tenant' | 'trainId'>,
  deploymentId: string,
): Promise<DeploymentRecord | null> {
  const record = await deployments.find(tenant, deploymentId);
  return record?.spec.trainId === trainId ? record : null;
}

/** How the members of a train stand, in their order. @internal */
export async function trainMembers(
  deployments: Pick<DeploymentList, 'find'>,
  train: Pick<Train, 'tenant' | 'trainId' | 'members'>,
): Promise<readonly MemberState[]> {
  return Promise.all(
    train.members.map(async ({ deploymentId }) => {
      const own = await findMember(deployments, train, deploymentId);
      const { status, reason, retainedUntil, changedNothing } = own?.summary ?? { status: null };
      return { deploymentId, status, reason, isRetained: retainedUntil !== undefined, changedNothing };
    }),
  );
}
