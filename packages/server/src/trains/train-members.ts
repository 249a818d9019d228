import type { MemberState, Train } from '@hotswap/core';
import type { DeploymentList } from '../ports/deployment-list.ts';

/** How the members of a train stand, in their order. @internal */
export async function trainMembers(
  deployments: Pick<DeploymentList, 'find'>,
  { tenant, members }: Pick<Train, 'tenant' | 'members'>,
): Promise<readonly MemberState[]> {
  return Promise.all(
    members.map(async ({ deploymentId }) => {
      const record = await deployments.find(tenant, deploymentId);
      const { status, reason, retainedUntil } = record?.summary ?? { status: null };
      return { deploymentId, status, reason, isRetained: retainedUntil !== undefined };
    }),
  );
}
