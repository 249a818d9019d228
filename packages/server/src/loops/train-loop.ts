import { isHotSwapError, type RolloutEngine } from '@hotswap/core';
import type { ChangeHints } from '../ports/change-hints.ts';
import type { DeploymentList } from '../ports/deployment-list.ts';
import type { Train, TrainStore } from '../ports/train-store.ts';
import { decideTrain, type MemberState, type TrainDecision } from '../trains/decide-train.ts';

/** Trains of other servers, and members that changed unnoticed, are looked at after that time. */
const sweepMs = 2_000;
/** Changes of members that come together are looked at together. */
const coalesceMs = 30;
/** A train that nobody has finished assembling for that long has lost its server. */
const assemblyMs = 60_000;
/** Decisions in one look: more than a train can need until it waits for a member. */
const mostDecisions = 500;

/** @internal */
export interface TrainLoopParts {
  readonly trains: TrainStore;
  readonly deployments: Pick<DeploymentList, 'find'>;
  readonly engine: Pick<RolloutEngine, 'command'>;
  readonly nudge: (tenant: string, deploymentId: string) => void;
  readonly changes: ChangeHints;
  readonly onError: (error: unknown, trainId: string) => void;
}

/**
 * Drives release trains. It keeps nothing: each look decides anew from the train's row and its members, so any server goes
 * on where another one stopped.
 * @internal
 */
export class TrainLoop {
  readonly #parts: TrainLoopParts;
  #running: Promise<void> = Promise.resolve();
  #soon: NodeJS.Timeout | undefined;
  #sweep: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;
  #underWay = 0;
  #isStopped = false;

  constructor(parts: TrainLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#sweep = setInterval(() => this.nudge(), sweepMs);
    this.#sweep.unref();
    this.#unsubscribe = this.#parts.changes.subscribe((hint) => {
      if (this.#underWay > 0 && (hint.topic === 'deployment' || hint.topic === 'resync')) this.nudge();
    });
    this.nudge();
  }

  /** Something happened to a train, or to what could be a member of one. */
  nudge(): void {
    if (this.#isStopped) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#running = this.#running.then(() => this.#look());
    }, coalesceMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#sweep);
    clearTimeout(this.#soon);
    this.#unsubscribe?.();
    await this.#running;
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    try {
      const trains = await this.#parts.trains.unfinished();
      this.#underWay = trains.length;
      for (const train of trains)
        await this.#drive(train).catch((error: unknown) => this.#report(error, train.trainId));
    } catch (error) {
      this.#report(error, '');
    }
  }

  async #drive(read: Train): Promise<void> {
    let train: Train | null = isAbandoned(read) ? await this.#abandon(read) : read;
    for (let decisions = 0; train && decisions < mostDecisions; decisions++) {
      const decision = decideTrain(train, await this.#members(train));
      const changed = await this.#change(train, decision);
      const told = changed !== null && (await this.#command(changed, decision));
      if (!told && changed === train) return;
      train = changed;
    }
  }

  #abandon(train: Train): Promise<Train | null> {
    return this.#parts.trains.update(train, {
      intent: 'back',
      backEnd: 'Cancelled',
      reason: 'Its server was lost while its deployments were created',
    });
  }

  async #members({ tenant, members }: Train): Promise<readonly MemberState[]> {
    return Promise.all(
      members.map(async ({ deploymentId }) => {
        const record = await this.#parts.deployments.find(tenant, deploymentId);
        const { status, reason, retainedUntil } = record?.summary ?? { status: null };
        return { deploymentId, status, reason, isRetained: retainedUntil !== undefined };
      }),
    );
  }

  /** The train as it is after the decision: the same one when nothing is to be written, `null` when others were faster. */
  async #change(train: Train, { change }: TrainDecision): Promise<Train | null> {
    const isNew = Object.entries(change).some(([name, value]) => train[name as keyof Train] !== value);
    return isNew ? this.#parts.trains.update(train, change) : train;
  }

  /** Tells a member what to do; `false` when there is nothing to tell. What it refuses is found in its status. */
  async #command({ tenant, trainId, actor, reason }: Train, { command }: TrainDecision): Promise<boolean> {
    if (!command) return false;
    const { deploymentId, name } = command;
    const why = name === 'execute' ? {} : { reason: `${trainId} goes back: ${reason ?? 'it was asked to'}` };
    try {
      await this.#parts.engine.command(tenant, deploymentId, name, actor, why);
    } catch (error) {
      if (name === 'abort' || !isRefusal(error)) throw error;
      await this.#parts.engine.command(tenant, deploymentId, 'abort', actor, { reason: error.message });
    }
    this.#parts.nudge(tenant, deploymentId);
    return true;
  }

  #report(error: unknown, trainId: string): void {
    if (!isHotSwapError(error, 'HS_JOURNAL_CONFLICT')) this.#parts.onError(error, trainId);
  }
}

function isAbandoned({ intent, updatedAt }: Train): boolean {
  return intent === 'assemble' && Date.now() - updatedAt > assemblyMs;
}

/** A member that cannot begin never will, and one that has changed nothing has nothing to roll back: both are aborted. */
function isRefusal(error: unknown): error is Error {
  return isHotSwapError(error) && error.httpStatus < 500 && !isHotSwapError(error, 'HS_JOURNAL_CONFLICT');
}
