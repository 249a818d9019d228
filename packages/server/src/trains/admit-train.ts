import {
  changeRefusedError,
  hotSwapError,
  isApprover,
  requiredApprovals,
  type Clock,
  type Train,
  type TrainChange,
} from '@hotswap/core';
import type { Principal } from '../auth/principal.ts';
import type { TenantPolicies } from '../policy/tenant-policies.ts';
import type { DeploymentList, DeploymentRecord } from '../ports/deployment-list.ts';
import { findMember } from './train-members.ts';

/** @internal */
export interface TrainAdmissionParts {
  readonly deployments: Pick<DeploymentList, 'find'>;
  readonly policies: Pick<TenantPolicies, 'refusal'>;
  readonly clock: Clock;
}

/**
 * Holds the execution of a train to the tenant's policy. The train is one change: what begins in a window goes on after it.
 * Returns what goes on record of what was set aside.
 * @throws HS_DEPLOYMENT_FROZEN, HS_DEPLOYMENT_OUTSIDE_WINDOW, HS_AUTH_SELF_APPROVAL, HS_DEPLOYMENT_APPROVALS_MISSING
 * @internal
 */
export async function admitTrain(
  { deployments, policies, clock }: TrainAdmissionParts,
  train: Train,
  caller: Principal,
  overrideReason: string | undefined,
): Promise<Pick<TrainChange, 'reason'>> {
  const { tenant, trainId, members } = train;
  const now = clock.now();
  const refusal = await policies.refusal({ tenant }, now);
  if (refusal && overrideReason === undefined) throw changeRefusedError(refusal, trainId);
  for (const { deploymentId } of members) {
    const record = await findMember(deployments, train, deploymentId);
    if (record) requireApprovals(record, trainId, caller, now);
  }
  if (!refusal) return {};
  const what = refusal.code === 'HS_DEPLOYMENT_FROZEN' ? 'a freeze' : 'the change windows';
  return { reason: `Sets aside ${what}: ${overrideReason ?? ''}` };
}

/** What the engine will ask for when it is the member's turn; the execution of the train is the caller's approval then. */
function requireApprovals({ spec, summary }: DeploymentRecord, trainId: string, caller: Principal, now: number): void {
  const { subject } = caller;
  const required = requiredApprovals(spec);
  if (required === 0) return;
  const isBarred = subject === spec.author && spec.approvals?.allowAuthor !== true;
  const given = (summary.approvals ?? []).filter(({ expiresAt }) => now < expiresAt).map(({ by }) => by);
  const counts = !isBarred && isApprover(spec, caller) && !given.includes(subject);
  if (given.length + (counts ? 1 : 0) >= required) return;
  // Without a rule an approval lasts an hour: too short for the turn of a later member, so only the execution counts.
  if (spec.approvals === undefined) throw hotSwapError('HS_AUTH_SELF_APPROVAL', { subject, deploymentId: trainId });
  throw hotSwapError('HS_DEPLOYMENT_APPROVALS_MISSING', {
    deploymentId: spec.deploymentId,
    required,
    given: given.length,
    by: given.length === 0 ? 'nobody' : given.join(', '),
  });
}
