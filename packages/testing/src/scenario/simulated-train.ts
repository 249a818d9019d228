import {
  commandTrain,
  driveTrain,
  type DeploymentCommand,
  type MemberState,
  type Train,
  type TrainAnswer,
  type TrainChange,
  type TrainCommand,
  type TrainMember,
} from '@hotswap/core';
import type { Simulation } from './simulation.ts';

/** Trains are looked at that often, whatever happens. */
const sweepMs = 2_000;
/** Changes of members that come together are looked at together. */
const coalesceMs = 30;
const tenant = 'default';

/** @internal */
export interface SimulatedTrainOptions {
  readonly members: readonly TrainMember[];
  /** Gives a command to a member's deployment; what it throws is heard by whoever drives the train. */
  readonly command: (deploymentId: string, command: DeploymentCommand, reason?: string) => Promise<void>;
  /** Default `train-s`. */
  readonly trainId?: string;
  /** Default `given`. */
  readonly order?: Train['order'];
  /** Told of every change of the row, right after it. */
  readonly onChange?: (before: Train, after: Train) => void;
}

/** A release train over a simulation: its row, and whoever drives it, with the decisions of production. @internal */
export class SimulatedTrain {
  readonly #simulation: Simulation;
  readonly #options: SimulatedTrainOptions;
  #row: Train;
  #isNudged = false;

  constructor(simulation: Simulation, options: SimulatedTrainOptions) {
    this.#simulation = simulation;
    this.#options = options;
    const now = simulation.time.now();
    this.#row = {
      tenant,
      trainId: options.trainId ?? 'train-s',
      author: 'alice',
      intent: 'assemble',
      status: 'Pending',
      members: options.members,
      order: options.order ?? 'given',
      actor: 'bob',
      reason: null,
      backEnd: 'Cancelled',
      revision: 0,
      createdAt: now,
      updatedAt: now,
    };
  }

  get row(): Train {
    return this.#row;
  }

  get isOver(): boolean {
    return ['Completed', 'RolledBack', 'Cancelled', 'Failed'].includes(this.#row.status);
  }

  /** How the members stand now, in order. */
  get members(): readonly MemberState[] {
    return this.#row.members.map(({ deploymentId }) => {
      const summary = this.#simulation.database.summary(deploymentId);
      return {
        deploymentId,
        status: summary?.status ?? null,
        reason: summary?.reason,
        isRetained: summary?.retainedUntil !== undefined,
        changedNothing: summary?.changedNothing,
      };
    });
  }

  /** Writes on top of what was read, as the table of trains does; `null` when somebody was faster. */
  async update(read: Train, change: TrainChange): Promise<Train | null> {
    await Promise.resolve();
    if (read.revision !== this.#row.revision) return null;
    const before = this.#row;
    this.#row = { ...before, ...change, revision: before.revision + 1, updatedAt: this.#simulation.time.now() };
    this.#options.onChange?.(before, this.#row);
    return this.#row;
  }

  /** Does what a person asks, and says why not where it is refused. */
  async tell(command: TrainCommand, reason?: string): Promise<TrainAnswer> {
    const answer = commandTrain(this.#row, this.members, command, { actor: 'bob', reason });
    if ('change' in answer && answer.change !== null) await this.update(this.#row, answer.change);
    return answer;
  }

  /** Looks at it every two seconds until it is over, on as many servers as there are. */
  sweep(onError: (error: unknown) => void): void {
    this.#simulation.time.after(sweepMs, async () => {
      await this.#look(onError);
      if (!this.isOver) this.sweep(onError);
    });
  }

  /** Looks at it soon, as a server does that hears of a change. */
  nudge(onError: (error: unknown) => void): void {
    if (this.#isNudged) return;
    this.#isNudged = true;
    this.#simulation.time.after(coalesceMs, async () => {
      this.#isNudged = false;
      await this.#look(onError);
    });
  }

  async #look(onError: (error: unknown) => void): Promise<void> {
    if (this.isOver) return;
    const drives = await Promise.allSettled(this.#simulation.engines.map(() => this.#drive()));
    for (const drive of drives) if (drive.status === 'rejected') onError(drive.reason);
  }

  #drive(): Promise<void> {
    return driveTrain(
      {
        members: async () => this.members,
        update: (train, change) => this.update(train, change),
        command: (_train, deploymentId, command, { reason }) => this.#options.command(deploymentId, command, reason),
        now: () => this.#simulation.time.now(),
      },
      this.#row,
    );
  }
}
