import type { CommandOptions } from '../contracts/rollout-engine.ts';
import type { DeploymentCommand } from '../rollout/journal-entry.ts';
import { isHotSwapError } from '../errors/is-hotswap-error.ts';
import { decideTrain, type MemberState, type TrainDecision } from './decide-train.ts';
import type { Train, TrainChange } from './train.ts';

/** How trains end that go, or went, back. */
const endsBack: readonly Train['status'][] = ['RolledBack', 'Cancelled', 'Failed'];

/** A train that nobody has finished assembling for that long has lost its server. */
const assemblyMs = 60_000;
/** Decisions in one look: more than a train can need until it waits for a member. */
const mostDecisions = 500;

const approvalCodes = [
  'HS_DEPLOYMENT_APPROVALS_MISSING',
  'HS_DEPLOYMENT_APPROVAL_EXPIRED',
  'HS_DEPLOYMENT_APPROVAL_VOID',
  'HS_AUTH_NOT_APPROVER',
  'HS_AUTH_SELF_APPROVAL',
] as const;

/** What a train is driven with. @internal */
export interface TrainDriveParts {
  /** How the members stand now, in order. */
  readonly members: (train: Train) => Promise<readonly MemberState[]>;
  /** Writes a change on top of what was read; `null` when somebody else was faster. */
  readonly update: (train: Train, change: TrainChange) => Promise<Train | null>;
  /** Gives a command to one member's deployment. */
  readonly command: (
    train: Train,
    deploymentId: string,
    command: Extract<DeploymentCommand, 'execute' | 'abort' | 'rollback'>,
    options: Pick<CommandOptions, 'reason' | 'actorRole' | 'isAdmitted'>,
  ) => Promise<unknown>;
  readonly now: () => number;
}

/**
 * Takes a train as far as it goes by itself. Nothing is kept: each decision follows from the train's row and its members, so
 * that whoever drives it goes on where another one stopped, and two may drive at once.
 * @throws what `update` and `command` throw
 * @internal
 */
export async function driveTrain(parts: TrainDriveParts, read: Train): Promise<void> {
  if (endsBack.includes(read.status)) return callOffLate(parts, read);
  let train: Train | null = isAbandoned(parts, read) ? await abandon(parts, read) : read;
  for (let decisions = 0; train && decisions < mostDecisions; decisions++) {
    const decision = decideTrain(train, await parts.members(train));
    const changed = await change(parts, train, decision);
    const unapproved = changed === null ? null : await tell(parts, changed, decision);
    if (changed !== null && unapproved !== null) return hold(parts, changed, unapproved);
    if (!decision.command && changed === train) return;
    train = changed;
  }
}

/**
 * Members that were created after their train had ended, by a server that was slow and then was no more: none of them will
 * ever have a turn, and until it expires each would hold its module.
 */
async function callOffLate({ members, command }: TrainDriveParts, train: Train): Promise<void> {
  const waiting = (await members(train)).filter(({ status }) => status === 'Pending' || status === 'PendingApproval');
  for (const { deploymentId } of waiting.toReversed())
    await command(train, deploymentId, 'abort', { reason: givenUpReason(train) });
}

/** Why a member of a train that has ended is called off. @internal */
export function givenUpReason({ trainId, reason }: Pick<Train, 'trainId' | 'reason'>): string {
  return `${trainId} was given up${reason === null ? '' : `: ${reason}`}`;
}

function isAbandoned({ now }: TrainDriveParts, { intent, updatedAt }: Train): boolean {
  return intent === 'assemble' && now() - updatedAt > assemblyMs;
}

function abandon({ update }: TrainDriveParts, train: Train): Promise<Train | null> {
  return update(train, {
    intent: 'back',
    backEnd: 'Cancelled',
    reason: 'Its server was lost while its deployments were created',
  });
}

/** The train as it is after the decision: the same one when nothing is to be written, `null` when others were faster. */
async function change(
  { update }: TrainDriveParts,
  train: Train,
  { change: wanted }: TrainDecision,
): Promise<Train | null> {
  const isNew = Object.entries(wanted).some(([name, value]) => train[name as keyof Train] !== value);
  return isNew ? update(train, wanted) : train;
}

/**
 * Tells a member what to do, if there is anything to tell. What it refuses is found in its status; an approval that it lacks
 * is returned as the sentence that says so, for a person can give it.
 */
async function tell(parts: TrainDriveParts, train: Train, { command }: TrainDecision): Promise<string | null> {
  if (!command) return null;
  const { deploymentId, name } = command;
  // Whoever executed the train was an admin, and windows and freezes were looked at then: it is one change.
  const why =
    name === 'execute'
      ? ({ actorRole: 'admin', isAdmitted: true } as const)
      : { reason: `${train.trainId} goes back: ${train.reason ?? 'it was asked to'}` };
  try {
    await parts.command(train, deploymentId, name, why);
  } catch (error) {
    if (name === 'abort' || !isRefusal(error)) throw error;
    if (name === 'execute' && isUnapproved(error)) return `${deploymentId} cannot begin yet: ${error.message}`;
    await parts.command(train, deploymentId, 'abort', { reason: error.message });
  }
  return null;
}

/** Until somebody approves the next member, or takes the train back: each look asks anew. */
async function hold(parts: TrainDriveParts, train: Train, reason: string): Promise<void> {
  await change(parts, train, { change: { status: 'Paused', reason } });
}

/** A member that cannot begin never will, unless it is for an approval, and one that has changed nothing has nothing to roll back: both are aborted. */
function isRefusal(error: unknown): error is Error {
  return isHotSwapError(error) && error.httpStatus < 500 && !isHotSwapError(error, 'HS_JOURNAL_CONFLICT');
}

/** Approvals that were there when the train was executed may have ended before the turn of a later member. */
function isUnapproved(error: unknown): boolean {
  return approvalCodes.some((code) => isHotSwapError(error, code));
}
