import { hotSwapError } from '../errors/hotswap-error.ts';
import type { DeploymentSpec, Instant } from '../model/deployment.ts';
import { sha256Hex } from '../model/digest.ts';
import { durationMs } from '../model/duration.ts';
import { instantText } from '../model/instant-text.ts';
import { canonicalJson } from '../model/json.ts';
import { isApprover, mayAuthorApprove, requiredApprovals, type ApprovalActor } from '../policy/approval-rule.ts';
import type { CommandOptions } from '../contracts/rollout-engine.ts';
import type { Draft } from './draft.ts';
import type { EngineParts } from './engine-parts.ts';
import type { RolloutState } from './rollout-state.ts';

/** Somebody who decides on a deployment, and what of it they say they have looked at. @internal */
export interface Approver {
  readonly actor: string;
  readonly options: CommandOptions;
}

/** Whether somebody's approval is there and counts. @internal */
export function hasApproved({ approvals }: RolloutState, actor: string, now: Instant): boolean {
  return approvals.some(({ by, expiresAt }) => by === actor && now < expiresAt);
}

/**
 * Writes the approval of exactly what is frozen now. Whoever wrote the deployment cannot be its approver, unless a rule of
 * the tenant's policy says so.
 * @throws HS_AUTH_SELF_APPROVAL, HS_AUTH_NOT_APPROVER, HS_DEPLOYMENT_APPROVAL_VOID
 * @internal
 */
export async function approve(
  draft: Draft,
  { approvalExpiryMs }: Pick<EngineParts, 'approvalExpiryMs'>,
  spec: DeploymentSpec,
  { actor, options }: Approver,
): Promise<void> {
  const { deploymentId, releaseId, approvals: rule } = spec;
  if (actor === spec.author && !mayAuthorApprove(spec))
    throw hotSwapError('HS_AUTH_SELF_APPROVAL', { subject: actor, deploymentId });
  if (!isApprover(spec, approverOf({ actor, options })))
    throw hotSwapError('HS_AUTH_NOT_APPROVER', { subject: actor, deploymentId });
  const specHash = await sha256Hex(canonicalJson(spec));
  const seen = { releaseId: options.releaseId ?? releaseId, specHash: options.specHash ?? specHash };
  if (seen.releaseId !== releaseId)
    throw hotSwapError('HS_DEPLOYMENT_APPROVAL_VOID', { deploymentId, what: 'the release' });
  if (seen.specHash !== specHash || draft.state.specHash !== specHash)
    throw hotSwapError('HS_DEPLOYMENT_APPROVAL_VOID', { deploymentId, what: 'the specification' });
  draft.put({
    type: 'approved',
    by: actor,
    specHash,
    releaseId,
    expiresAt: draft.now + (rule?.validFor === undefined ? approvalExpiryMs : durationMs(rule.validFor)),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
}

/**
 * Sees to it that an execution is approved where it has to be: by the approvals that are there, the last of which may be
 * that of whoever executes.
 * @throws HS_AUTH_SELF_APPROVAL, HS_AUTH_NOT_APPROVER, HS_DEPLOYMENT_APPROVALS_MISSING, HS_DEPLOYMENT_APPROVAL_EXPIRED,
 * HS_DEPLOYMENT_APPROVAL_VOID
 * @internal
 */
export async function requireApproval(
  draft: Draft,
  parts: EngineParts,
  spec: DeploymentSpec,
  { actor, options }: Approver,
): Promise<void> {
  const { approvals, held } = draft.state;
  const required = requiredApprovals(spec);
  // One that is held for want of nodes has been executed before, and its approvals used for that.
  if (required === 0 || held) return;
  const { deploymentId } = spec;
  const valid = approvals.filter(({ expiresAt }) => draft.now < expiresAt);
  const specHash = await sha256Hex(canonicalJson(spec));
  if (valid.some((approval) => approval.specHash !== specHash))
    throw hotSwapError('HS_DEPLOYMENT_APPROVAL_VOID', { deploymentId, what: 'the specification' });
  if (valid.length >= required) return;
  if (required - valid.length > 1 || hasApproved(draft.state, actor, draft.now))
    throw hotSwapError('HS_DEPLOYMENT_APPROVALS_MISSING', {
      deploymentId,
      required,
      given: valid.length,
      by: valid.length === 0 ? 'nobody' : valid.map(({ by }) => by).join(', '),
    });
  const ended = approvals.find(({ expiresAt }) => draft.now >= expiresAt);
  if (ended && actor === spec.author && !mayAuthorApprove(spec)) {
    const expiresAt = instantText(ended.expiresAt);
    throw hotSwapError('HS_DEPLOYMENT_APPROVAL_EXPIRED', { deploymentId, by: ended.by, expiresAt });
  }
  const { actorRole } = options;
  await approve(draft, parts, spec, { actor, options: actorRole === undefined ? {} : { actorRole } });
}

function approverOf({ actor, options: { actorRole } }: Approver): ApprovalActor {
  return { subject: actor, ...(actorRole === undefined ? {} : { role: actorRole }) };
}

/**
 * When a deployment that nobody has executed is to be looked at again: its approval lapses, or it is cancelled.
 * @internal
 */
export function pendingUntil(
  state: RolloutState,
  { pendingExpiryMs }: Pick<EngineParts, 'pendingExpiryMs'>,
): Instant | undefined {
  if (state.phase !== 'pending') return undefined;
  const endsAt = state.at + pendingExpiryMs;
  return state.held ? endsAt : Math.min(endsAt, ...state.approvals.map(({ expiresAt }) => expiresAt));
}
