import type { DeploymentSummary, Instant } from '../model/deployment.ts';
import type { RolloutState } from './rollout-state.ts';

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
    ...(state.approval
      ? { approval: { by: state.approval.by, at: state.approval.at, expiresAt: state.approval.expiresAt } }
      : {}),
    ...(state.frozen ? { executedAt: state.frozen.at } : {}),
    ...(state.endedAt === null ? {} : { endedAt: state.endedAt }),
    ...(state.retainedUntil === null ? {} : { retainedUntil: state.retainedUntil }),
    ...(failed && failed.length > 0 ? { failedNodes: failed } : {}),
  };
}
