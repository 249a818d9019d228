import type { DeploymentSummary, GivenApproval, Instant } from '../model/deployment.ts';
import { requiredApprovals } from '../policy/approval-rule.ts';
import { hasChanged, type RolloutState } from './rollout-state.ts';

/**
 * What screens and lists show, out of the folded state.
 * @internal
 */
export function summarise(state: RolloutState, stuckAt: Instant | undefined): DeploymentSummary {
  const { running } = state;
  const failed = state.outcome?.failed;
  return {
    status: state.status,
    progressPercent: state.progressPercent,
    ...(state.stage === null ? {} : { stage: state.stage }),
    ...(state.reason === null ? {} : { reason: state.reason }),
    ...(state.outcome?.verdict === undefined ? {} : { verdict: state.outcome.verdict }),
    ...(running && running.effect.kind !== 'retain'
      ? {
          running: {
            step: running.step,
            kind: running.effect.kind,
            since: running.since,
          },
        }
      : {}),
    ...(stuckAt === undefined ? {} : { stuckAt }),
    ...approvalsOf(state),
    ...(state.frozen ? { executedAt: state.frozen.at } : {}),
    ...(state.endedAt === null ? {} : { endedAt: state.endedAt }),
    ...(state.retainedUntil === null ? {} : { retainedUntil: state.retainedUntil }),
    ...(failed && failed.length > 0 ? { failedNodes: failed } : {}),
    ...(state.status === 'Failed' && !hasChanged(state) ? { changedNothing: true } : {}),
  };
}

/** The last one needed stands for all of them; together they can be used until the first of them ends. */
function approvalsOf({ spec, approvals }: RolloutState): Pick<DeploymentSummary, 'approval' | 'approvals'> {
  if (spec?.requireApproval !== true) return {};
  const given: readonly GivenApproval[] = approvals.map(({ by, at, expiresAt }) => ({ by, at, expiresAt }));
  const last = given.at(-1);
  const isEnough = given.length >= requiredApprovals(spec);
  return {
    ...(last !== undefined && isEnough
      ? { approval: { ...last, expiresAt: Math.min(...given.map(({ expiresAt }) => expiresAt)) } }
      : {}),
    ...(spec.approvals === undefined ? {} : { approvals: given }),
  };
}
