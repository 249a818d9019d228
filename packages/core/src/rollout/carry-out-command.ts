import type { JournalStore } from '../contracts/journal-store.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import type { Json } from '../model/json.ts';
import { changeRefusal, changeRefusedError } from '../policy/change-rules.ts';
import { approve, hasApproved, requireApproval } from './approvals.ts';
import type { CommandRequest } from './command-request.ts';
import { commandRule } from './command-table.ts';
import type { Draft } from './draft.ts';
import { handlerOf } from './effect-handlers.ts';
import { knowsEffect } from './effect-schema.ts';
import type { EngineParts } from './engine-parts.ts';
import { freezeTargets } from './freeze-targets.ts';
import type { RuleOverride } from './journal-entry.ts';
import { undoRollout } from './undo-rollout.ts';

/**
 * Writes what a command does into the draft; nothing when it is so already.
 * @throws HS_DEPLOYMENT_NOT_FOUND, HS_DEPLOYMENT_STALE, HS_DEPLOYMENT_STEP_MOVED, HS_DEPLOYMENT_COMMAND_REFUSED,
 * HS_DEPLOYMENT_NO_TARGETS, HS_AUTH_SELF_APPROVAL, HS_AUTH_NOT_APPROVER, HS_DEPLOYMENT_APPROVALS_MISSING,
 * HS_DEPLOYMENT_APPROVAL_EXPIRED, HS_DEPLOYMENT_APPROVAL_VOID, HS_DEPLOYMENT_FROZEN, HS_DEPLOYMENT_OUTSIDE_WINDOW
 * @internal
 */
export async function carryOutCommand(
  draft: Draft,
  parts: EngineParts,
  journal: JournalStore,
  request: CommandRequest,
): Promise<void> {
  const { state, live } = draft;
  const { command, options } = request;
  if (state.phase === 'absent' || !state.spec)
    throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId: live.deploymentId });
  if (options.ifHead !== undefined && options.ifHead !== live.head)
    throw hotSwapError('HS_DEPLOYMENT_STALE', { deploymentId: live.deploymentId });
  const step = state.running?.step ?? null;
  if (options.ifStep !== undefined && options.ifStep !== step)
    throw hotSwapError('HS_DEPLOYMENT_STEP_MOVED', { expected: options.ifStep, actual: step });
  const rule = commandRule(state, command, draft.now);
  if ('refused' in rule)
    throw hotSwapError('HS_DEPLOYMENT_COMMAND_REFUSED', { command, status: state.status, why: rule.refused });
  if (rule.does === 'nothing') return;
  if (rule.does === 'approve' && hasApproved(state, request.actor, draft.now)) return;
  const override = rule.does === 'execute' ? await requireOpen(draft, parts, request) : undefined;
  draft.put({ type: 'command', command, ...told(request), ...(override === undefined ? {} : { override }) });
  switch (rule.does) {
    case 'approve':
      return approve(draft, parts, state.spec, request);
    case 'reject':
      draft.put({
        type: 'rejected',
        by: request.actor,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      });
      draft.put({ type: 'closed', status: 'Cancelled' });
      return;
    case 'execute':
      await requireApproval(draft, parts, state.spec, request);
      return freezeTargets(draft, parts, journal, state.spec, request.actor);
    case 'hold':
      draft.put({ type: 'held', why: 'person', detail: options.reason ?? `Paused by ${request.actor}` });
      return;
    case 'free':
      draft.put({ type: 'freed' });
      if (state.held?.why === 'offline' && state.running)
        draft.put({ type: 'moved', step: state.running.step, cursor: state.running.cursor });
      draft.live.run = null;
      return;
    case 'endWait':
      return endRunning(draft, { ended: 'promoted' });
    case 'answer':
      if (command === 'retry')
        draft.changes.push({
          kind: 'raiseEpoch',
          epoch: (await parts.fleet.epoch(live.tenant, state.spec.moduleName)) + 1,
        });
      return endRunning(draft, { command });
    case 'undo':
      return undoRollout(draft, parts, request);
  }
}

/**
 * Holds a beginning to the windows and freezes of the tenant's policy, which never stand in the way back. Returns what was
 * set aside, and why.
 * @throws HS_DEPLOYMENT_FROZEN, HS_DEPLOYMENT_OUTSIDE_WINDOW
 */
async function requireOpen(
  { state: { spec, held }, live, now }: Draft,
  { changeRules }: EngineParts,
  { options: { overrideReason, isAdmitted, isOvertaken } }: CommandRequest,
): Promise<RuleOverride | undefined> {
  if (isAdmitted === true || (spec?.undoes !== undefined && isOvertaken !== true)) return undefined;
  // A member that waits for nodes has had its turn: the train that was admitted has begun with it.
  if (held && spec?.trainId !== undefined) return undefined;
  const rules = await changeRules(live.tenant);
  const refusal = rules && changeRefusal(rules, now);
  if (!refusal) return undefined;
  if (overrideReason === undefined) throw changeRefusedError(refusal, live.deploymentId);
  return { code: refusal.code, reason: overrideReason };
}

/** Ends the running effect with a person's answer. */
function endRunning(draft: Draft, value: Json): void {
  const { running } = draft.state;
  if (!running || running.effect.kind === 'retain') return;
  draft.put({ type: 'ended', step: running.step, result: { ok: true, value } });
  if (knowsEffect(running.effect)) draft.changes.push(...(handlerOf(running.effect.kind).end?.(running.effect) ?? []));
}

/** What a command says besides its name. */
function told({ command, options: { reason, toReleaseId, regions } }: CommandRequest): object {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(command !== 'rollback' || toReleaseId === undefined ? {} : { toReleaseId }),
    ...(command !== 'rollback' || regions === undefined ? {} : { regions }),
  };
}
