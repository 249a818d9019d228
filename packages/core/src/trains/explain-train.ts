import type { TrainDecision } from './decide-train.ts';
import type { Train } from './train.ts';

/**
 * Tells what became of a train with a change of its row, as a sentence; `null` when there is nothing to tell.
 * @internal
 */
export function explainTrain(before: Train, after: Train): string | null {
  const why = after.reason === null ? '' : `: ${after.reason}`;
  if (before.intent !== after.intent) {
    if (after.intent === 'forward')
      return `The train begins: ${String(after.members.length)} modules, one after the other.`;
    if (after.intent === 'back')
      return `The train turns back${why}. Everything goes back, from the last member to the first.`;
    return null;
  }
  if (before.status === after.status) return null;
  switch (after.status) {
    case 'Completed':
      return 'The train is completed: every member is.';
    case 'Paused':
      return `The train waits${why}.`;
    case 'InProgress':
      return 'The train goes on.';
    case 'RolledBack':
    case 'Cancelled':
      return `The train is ${after.status === 'RolledBack' ? 'rolled back' : 'cancelled'}: everything is as it was before.`;
    case 'Failed':
      return `The train has failed${why}.`;
    default:
      return null;
  }
}

/** Tells what a train has a member do. @internal */
export function explainTrainCommand(
  train: Train,
  { deploymentId, name }: NonNullable<TrainDecision['command']>,
): string {
  const turn = train.members.findIndex((member) => member.deploymentId === deploymentId);
  const moduleId = train.members[turn]?.moduleId ?? deploymentId;
  if (name === 'execute')
    return `It is the turn of ${moduleId}, ${String(turn + 1)} of ${String(train.members.length)}.`;
  return name === 'rollback' ? `${moduleId} is told to go back.` : `${moduleId} is called off: it has changed nothing.`;
}
