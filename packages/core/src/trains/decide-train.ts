import type { DeploymentStatus } from '../model/deployment.ts';
import type { Train, TrainChange } from './train.ts';

/** How a member's deployment stands; `null`: it was never created. @internal */
export interface MemberState {
  readonly deploymentId: string;
  readonly status: DeploymentStatus | null;
  readonly reason?: string | undefined;
  /** What it replaced is still warm. */
  readonly isRetained: boolean;
  /** It has failed before it changed anything. Absent: no. */
  readonly changedNothing?: true | undefined;
}

/** What is to be done about a train now. @internal */
export interface TrainDecision {
  /** To be given to one member's deployment; every one of them may be given twice. */
  readonly command?: { readonly deploymentId: string; readonly name: 'execute' | 'abort' | 'rollback' };
  readonly change: TrainChange;
}

/**
 * Decides from nothing but the train's row and how its members stand, so that it does not matter which server asks
 * or what became of the one before. Forward, one member after the other; when one does not complete, all go back in
 * reverse.
 * @internal
 */
export function decideTrain(train: Train, members: readonly MemberState[]): TrainDecision {
  switch (train.intent) {
    case 'assemble':
    case 'wait':
      return decideWaiting(members);
    case 'forward':
      return goForward(train, members);
    case 'back':
      return goBack(train, members);
  }
}

/** While nobody has executed it a train is as its deployments are; one that was cancelled or has expired ends it. */
function decideWaiting(members: readonly MemberState[]): TrainDecision {
  const lost = members.find(({ status }) => status !== null && !isWaiting(status));
  if (!lost) return { change: {} };
  return { change: { intent: 'back', backEnd: 'Cancelled', reason: reasonOf(lost) } };
}

function goForward(train: Train, members: readonly MemberState[]): TrainDecision {
  const next = members.find(({ status }) => status !== 'Completed');
  if (!next) return { change: { status: 'Completed', reason: null } };
  const { deploymentId, status } = next;
  if (status === null || isLost(status))
    return { change: { intent: 'back', status: 'RollingBack', backEnd: 'RolledBack', reason: reasonOf(next) } };
  // One that is paused may wait for the approval of this member: whether it is there, the command tells.
  if (isWaiting(status))
    return {
      command: { deploymentId, name: 'execute' },
      change: train.status === 'Paused' ? {} : { status: 'InProgress' },
    };
  const isPaused = status === 'Paused';
  return {
    change: { status: isPaused ? 'Paused' : 'InProgress', reason: isPaused ? reasonOf(next) : null },
  };
}

function goBack(train: Train, members: readonly MemberState[]): TrainDecision {
  const last = members.findLast((member) => !isBack(member));
  const change: TrainChange = { status: 'RollingBack' };
  if (!last) {
    const stays = members.filter(
      ({ status, changedNothing }) =>
        (status === 'Failed' && changedNothing !== true) || status === 'Completed' || status === 'PartiallyCompleted',
    );
    if (stays.length === 0) return { change: { status: endOf(train, members) } };
    const names = stays.map(({ deploymentId }) => deploymentId).join(', ');
    return {
      change: { status: 'Failed', reason: `${train.reason ?? 'It went back'}; ${names} could not be brought back` },
    };
  }
  const { deploymentId, status } = last;
  if (status === 'RollingBack') return { change };
  if (status !== null && isWaiting(status)) return { command: { deploymentId, name: 'abort' }, change };
  return { command: { deploymentId, name: 'rollback' }, change };
}

/** Like a deployment, a train has failed and is not rolled back where no member has changed anything. */
function endOf({ backEnd }: Train, members: readonly MemberState[]): Train['status'] {
  const hasFailed = members.some(({ status }) => status === 'Failed');
  const isBrought = members.some(({ status }) => status === 'RolledBack');
  return backEnd === 'RolledBack' && hasFailed && !isBrought ? 'Failed' : backEnd;
}

/** Nothing more can be done about it: it is back, was never there, or cannot be brought back. */
function isBack({ status, isRetained }: MemberState): boolean {
  if (status === null || status === 'RolledBack' || status === 'Cancelled' || status === 'Failed') return true;
  return (status === 'Completed' || status === 'PartiallyCompleted') && !isRetained;
}

const isWaiting = (status: DeploymentStatus): boolean => status === 'Pending' || status === 'PendingApproval';
const isLost = (status: DeploymentStatus): boolean =>
  ['RollingBack', 'RolledBack', 'Cancelled', 'Failed', 'PartiallyCompleted'].includes(status);

function reasonOf({ deploymentId, status, reason }: MemberState): string {
  return `${deploymentId} is ${status ?? 'not there'}${reason === undefined ? '' : `: ${reason}`}`;
}
