import type { PauseAnswer } from '../effects/effect.ts';
import type { Instant } from '../model/deployment.ts';
import { requiredApprovals } from '../policy/approval-rule.ts';
import { deploymentCommands, type DeploymentCommand } from './journal-entry.ts';
import type { RolloutState } from './rollout-state.ts';

/** Situations that commands are told apart by, with what a reader should know of each. @public */
export const commandSituations = {
  pending: 'Created, not executed; it needs no approval',
  awaiting: 'PendingApproval: created, and an approval that it needs is missing',
  approved: 'Pending with the approvals that it needs, not used yet',
  offline: 'Executed while every candidate node was offline; Paused before anything was frozen',
  running: 'InProgress in an effect other than a wait',
  waiting: 'InProgress in a wait',
  asking: "Paused by the strategy's own pause, which names the answers that it accepts",
  heldByPerson: 'Paused by a person',
  heldByEngine:
    'Paused by the engine: diverged, strategy failure, stuck, every target offline, or no data for a metric',
  rollingBack: 'RollingBack',
  retained: 'Completed or PartiallyCompleted, the replaced release still warm',
  ended: 'Completed or PartiallyCompleted, the replaced release retired',
  undone: 'RolledBack, Cancelled or Failed',
} as const;

/** @see {@link commandSituations} @public */
export type CommandSituation = keyof typeof commandSituations;

/**
 * What a command does in a situation: a deed, nothing because it is so already, or a refusal with its reason.
 * `answer` refuses by itself when the pause does not accept the command.
 * @public
 */
export type CommandRule =
  | { readonly does: 'approve' | 'reject' | 'execute' | 'hold' | 'free' | 'answer' | 'endWait' | 'undo' | 'nothing' }
  | { readonly refused: string };

const approve = { does: 'approve' } as const;
const reject = { does: 'reject' } as const;
const execute = { does: 'execute' } as const;
const hold = { does: 'hold' } as const;
const free = { does: 'free' } as const;
const answer = { does: 'answer' } as const;
const endWait = { does: 'endWait' } as const;
const undo = { does: 'undo' } as const;
const nothing = { does: 'nothing' } as const;
const no = (refused: string): CommandRule => ({ refused });

const needsNone = no('it needs no approval: execute it');
const isUsed = no('it has been executed, and an approval is for one execution');
const notExecuted = no('it has not been executed');
const isOver = no('it has ended');
const isRollingBack = no('it is being rolled back');
const notPaused = no('nobody has paused it');
const notAsking = no('nothing waits for this answer');
const resumeFirst = no('it is paused: resume it first');
const useRollback = no('it is completed: roll it back instead');
const nothingChanged = no('nothing has been changed yet: abort it instead');
const isRetired = no('the replaced release has been retired: deploy it again instead');

/**
 * The one table of commands and situations. Answers, refusals (409) and the reference page all come from it.
 * @public
 */
export const commandTable: { readonly [C in DeploymentCommand]: { readonly [S in CommandSituation]: CommandRule } } = {
  approve: {
    pending: needsNone,
    awaiting: approve,
    approved: nothing,
    offline: isUsed,
    running: isUsed,
    waiting: isUsed,
    asking: isUsed,
    heldByPerson: isUsed,
    heldByEngine: isUsed,
    rollingBack: isUsed,
    retained: isUsed,
    ended: isUsed,
    undone: isOver,
  },
  reject: {
    pending: needsNone,
    awaiting: reject,
    approved: reject,
    offline: isUsed,
    running: isUsed,
    waiting: isUsed,
    asking: isUsed,
    heldByPerson: isUsed,
    heldByEngine: isUsed,
    rollingBack: isUsed,
    retained: isUsed,
    ended: isUsed,
    undone: isOver,
  },
  execute: {
    pending: execute,
    awaiting: execute,
    approved: execute,
    offline: execute,
    running: nothing,
    waiting: nothing,
    asking: nothing,
    heldByPerson: nothing,
    heldByEngine: nothing,
    rollingBack: isRollingBack,
    retained: nothing,
    ended: nothing,
    undone: no('it has ended: create a new deployment'),
  },
  pause: {
    pending: notExecuted,
    awaiting: notExecuted,
    approved: notExecuted,
    offline: nothing,
    running: hold,
    waiting: hold,
    asking: hold,
    heldByPerson: nothing,
    heldByEngine: nothing,
    rollingBack: isRollingBack,
    retained: isOver,
    ended: isOver,
    undone: isOver,
  },
  resume: {
    pending: notExecuted,
    awaiting: notExecuted,
    approved: notExecuted,
    offline: execute,
    running: notPaused,
    waiting: notPaused,
    asking: answer,
    heldByPerson: free,
    heldByEngine: free,
    rollingBack: isRollingBack,
    retained: isOver,
    ended: isOver,
    undone: isOver,
  },
  promote: {
    pending: notExecuted,
    awaiting: notExecuted,
    approved: notExecuted,
    offline: notExecuted,
    running: notAsking,
    waiting: endWait,
    asking: answer,
    heldByPerson: resumeFirst,
    heldByEngine: resumeFirst,
    rollingBack: isRollingBack,
    retained: isOver,
    ended: isOver,
    undone: isOver,
  },
  retry: {
    pending: notExecuted,
    awaiting: notExecuted,
    approved: notExecuted,
    offline: execute,
    running: notAsking,
    waiting: notAsking,
    asking: answer,
    heldByPerson: resumeFirst,
    heldByEngine: free,
    rollingBack: isRollingBack,
    retained: isOver,
    ended: isOver,
    undone: isOver,
  },
  abort: {
    pending: undo,
    awaiting: undo,
    approved: undo,
    offline: undo,
    running: undo,
    waiting: undo,
    asking: undo,
    heldByPerson: undo,
    heldByEngine: undo,
    rollingBack: nothing,
    retained: useRollback,
    ended: isOver,
    undone: nothing,
  },
  rollback: {
    pending: nothingChanged,
    awaiting: nothingChanged,
    approved: nothingChanged,
    offline: nothingChanged,
    running: undo,
    waiting: undo,
    asking: undo,
    heldByPerson: undo,
    heldByEngine: undo,
    rollingBack: nothing,
    retained: undo,
    ended: isRetired,
    undone: nothing,
  },
};

/**
 * Which row of the table a deployment is in. With a time, approvals that have ended by then do not count, whether anybody
 * has written that down or not.
 * @internal
 */
export function situationOf(state: RolloutState, at: Instant = -Infinity): CommandSituation {
  switch (state.phase) {
    case 'absent':
    case 'pending':
      if (state.held) return 'offline';
      if (state.spec?.requireApproval !== true) return 'pending';
      return state.approvals.filter(({ expiresAt }) => at < expiresAt).length >= requiredApprovals(state.spec)
        ? 'approved'
        : 'awaiting';
    case 'rollback':
      return 'rollingBack';
    case 'retention':
      return 'retained';
    case 'closed':
      return state.status === 'Completed' || state.status === 'PartiallyCompleted' ? 'ended' : 'undone';
    case 'rollout':
      if (state.held) return state.held.why === 'person' ? 'heldByPerson' : 'heldByEngine';
      if (state.running?.effect.kind === 'pause') return 'asking';
      return state.running?.effect.kind === 'wait' ? 'waiting' : 'running';
  }
}

/** Answers that a strategy's own pause waits for now. @internal */
export function acceptedAnswers(state: RolloutState): readonly PauseAnswer[] {
  return state.phase === 'rollout' && state.running?.effect.kind === 'pause' ? state.running.effect.input.accepts : [];
}

/** The rule for a command now, with the accepted answers taken into account. @internal */
export function commandRule(state: RolloutState, command: DeploymentCommand, at?: Instant): CommandRule {
  const rule = commandTable[command][situationOf(state, at)];
  if (!('does' in rule) || rule.does !== 'answer') return rule;
  const accepts = acceptedAnswers(state);
  return accepts.some((accepted) => accepted === command) ? rule : no(`this pause accepts ${accepts.join(', ')}`);
}

/** Commands that would not be refused now. @internal */
export function allowedCommands(state: RolloutState): readonly DeploymentCommand[] {
  return deploymentCommands.filter((command) => 'does' in commandRule(state, command));
}
