import type { MemberState } from './decide-train.ts';
import type { Train, TrainChange } from './train.ts';

/** What people tell a train. @internal */
export type TrainCommand = 'execute' | 'abort' | 'rollback';

/** What a command comes to: a change, `null` when it is as asked already, or why it is refused. @internal */
export type TrainAnswer = { readonly change: TrainChange | null } | { readonly refused: string };

/**
 * Decides what a command means for a train, from nothing but the train and how its members stand.
 * @param by - Who asks, and why; a reason is made up when none is given.
 * @internal
 */
export function commandTrain(
  train: Train,
  members: readonly MemberState[],
  command: TrainCommand,
  by: { readonly actor: string; readonly reason?: string | undefined },
): TrainAnswer {
  if (train.intent === 'assemble') return { refused: 'its deployments are still being created' };
  return command === 'execute' ? execute(train, by.actor) : takeBack(train, members, command, by);
}

function execute({ intent }: Train, actor: string): TrainAnswer {
  if (intent === 'back') return { refused: 'it goes back, or is back' };
  return { change: intent === 'forward' ? null : { intent: 'forward', status: 'InProgress', actor } };
}

/** A completed train goes back as a whole or not at all. */
function takeBack(
  train: Train,
  members: readonly MemberState[],
  command: 'abort' | 'rollback',
  { actor, reason }: { readonly actor: string; readonly reason?: string | undefined },
): TrainAnswer {
  if (train.intent === 'back') return { change: null };
  if (train.status === 'Completed') {
    if (command === 'abort') return { refused: 'it is completed: roll it back instead' };
    const retired = members.find(({ status, isRetained }) => status === 'Completed' && !isRetained);
    if (retired) return { refused: `what ${retired.deploymentId} replaced has been retired` };
  }
  return {
    change: {
      intent: 'back',
      status: 'RollingBack',
      backEnd: command === 'abort' || train.intent === 'wait' ? 'Cancelled' : 'RolledBack',
      reason: reason ?? `${command === 'abort' ? 'Aborted' : 'Rolled back'} by ${actor}`,
      actor,
    },
  };
}
