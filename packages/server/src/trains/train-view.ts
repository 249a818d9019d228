import type { Train } from '@hotswap/core';
import type { TrainView } from '@hotswap/protocol';
import { toDeploymentView } from '../deployments/deployment-view.ts';
import type { DeploymentList } from '../ports/deployment-list.ts';
import { findMember } from './train-members.ts';

/** A train with its deployments as they stand. @internal */
export async function toTrainView(train: Train, deployments: Pick<DeploymentList, 'find'>): Promise<TrainView> {
  const { trainId, status, reason, order, author, createdAt, members } = train;
  return {
    trainId,
    status,
    ...(reason === null ? {} : { reason }),
    order,
    createdBy: author,
    createdAt: new Date(createdAt).toISOString(),
    members: await Promise.all(
      members.map(async ({ deploymentId, moduleId, after }) => {
        const record = await findMember(deployments, train, deploymentId);
        return { deploymentId, moduleId, after, deployment: record && toDeploymentView(record) };
      }),
    ),
  };
}
