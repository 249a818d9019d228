import { hotSwapError } from '../errors/hotswap-error.ts';
import type { DeploymentSpec, Instant } from '../model/deployment.ts';
import { sha256Hex } from '../model/digest.ts';
import { instantText } from '../model/instant-text.ts';
import { canonicalJson } from '../model/json.ts';
import type { CommandOptions } from '../contracts/rollout-engine.ts';
import type { Draft } from './draft.ts';
import type { EngineParts } from './engine-parts.ts';
import type { RolloutState } from './rollout-state.ts';

/** Somebody who decides on a deployment, and what of it they say they have looked at. @internal */
export interface Approver {
  readonly actor: string;
  readonly options: CommandOptions;
}

/**
 * Writes the approval of exactly what is frozen now. Whoever wrote the deployment cannot be its approver.
 * @throws HS_AUTH_SELF_APPROVAL, HS_DEPLOYMENT_APPROVAL_VOID
 * @internal
 */
export async function approve(
  draft: Draft,
  { approvalExpiryMs }: EngineParts,
  spec: DeploymentSpec,
  { actor, options }: Approver,
): Promise<void> {
  const { deploymentId, releaseId } = spec;
  if (actor === spec.author) throw hotSwapError('HS_AUTH_SELF_APPROVAL', { subject: actor, deploymentId });
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
    expiresAt: draft.now + approvalExpiryMs,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
}

/**
 * Sees to it that an execution is approved where it has to be: by the approval that is there, or by whoever executes.
 * @throws HS_AUTH_SELF_APPROVAL, HS_DEPLOYMENT_APPROVAL_EXPIRED, HS_DEPLOYMENT_APPROVAL_VOID
 * @internal
 */
export async function requireApproval(
  draft: Draft,
  parts: EngineParts,
  spec: DeploymentSpec,
  { actor }: Approver,
): Promise<void> {
  const { approval, held } = draft.state;
  // One that is held for want of nodes has been executed before, and its approval used for that.
  if (spec.requireApproval !== true || held) return;
  const { deploymentId } = spec;
  if (!approval || (draft.now >= approval.expiresAt && actor !== spec.author))
    return approve(draft, parts, spec, { actor, options: {} });
  if (draft.now >= approval.expiresAt) {
    const expiresAt = instantText(approval.expiresAt);
    throw hotSwapError('HS_DEPLOYMENT_APPROVAL_EXPIRED', { deploymentId, by: approval.by, expiresAt });
  }
  if (approval.specHash !== (await sha256Hex(canonicalJson(spec))))
    throw hotSwapError('HS_DEPLOYMENT_APPROVAL_VOID', { deploymentId, what: 'the specification' });
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
  return state.approval && !state.held ? Math.min(state.approval.expiresAt, endsAt) : endsAt;
}
