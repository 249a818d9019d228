import { randomBytes } from 'node:crypto';
import { trainMemberSpec, type DeploymentSpec, type Train } from '@hotswap/core';
import type { CheckedTrain } from '@hotswap/protocol';
import type { Principal } from '../auth/principal.ts';
import { prepareDeployment, type DeploymentServiceParts } from '../deployments/create-deployment.ts';
import type { TrainStore } from '../ports/train-store.ts';
import { assembleTrain } from './assemble-train.ts';
import { memberId, placeMembers } from './place-members.ts';

/**
 * Prepares every member before any is created, then creates them in the order in which they will go.
 * @throws HS_DEPLOYMENT_TRAIN_CYCLE, HS_DEPLOYMENT_TRAIN_TWICE, HS_DEPLOYMENT_TRAIN_REFUSED, and what `createDeployment` throws
 * @internal
 */
export async function createTrain(
  parts: DeploymentServiceParts & { readonly trains: TrainStore },
  { moduleIds, trainId = `train-${randomBytes(5).toString('hex')}`, order, common }: CheckedTrain,
  author: Principal,
): Promise<string> {
  const { tenant, subject } = author;
  const placed = await placeMembers(parts.modules, tenant, { moduleIds, order });
  const specs: DeploymentSpec[] = [];
  for (const { module, ahead } of placed) {
    const body = { ...common, moduleId: module.moduleId, deploymentId: memberId(trainId, module) };
    specs.push(trainMemberSpec(trainId, await prepareDeployment(parts, body, author, ahead)));
  }
  const train: Omit<Train, 'revision' | 'createdAt' | 'updatedAt'> = {
    tenant,
    trainId,
    author: subject,
    intent: 'assemble',
    status: specs.some(({ requireApproval }) => requireApproval === true) ? 'PendingApproval' : 'Pending',
    members: placed.map(({ module, after }, n) => ({
      deploymentId: specs[n]?.deploymentId ?? '',
      moduleId: module.moduleId,
      moduleName: module.name,
      after,
    })),
    order,
    actor: subject,
    reason: null,
    backEnd: 'Cancelled',
  };
  await parts.trains.insert(train);
  await assembleTrain(parts, train, specs, subject);
  return trainId;
}
