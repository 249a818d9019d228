import { driveTrain, type DeploymentCommand, type MemberState, type Train, type TrainChange } from '@hotswap/core';
import type { Simulation } from '../scenario/simulation.ts';

/** Trains are looked at that often, whatever happens. */
const sweepMs = 2_000;
const tenant = 'default';

/** A release train over a simulation: its row, and whoever drives it. @internal */
export class StormTrain {
  readonly #simulation: Simulation;
  readonly #command: (deploymentId: string, command: DeploymentCommand, reason?: string) => Promise<void>;
  #row: Train;

  constructor(
    simulation: Simulation,
    members: readonly { readonly deploymentId: string; readonly moduleName: string }[],
    command: (deploymentId: string, command: DeploymentCommand, reason?: string) => Promise<void>,
  ) {
    this.#simulation = simulation;
    this.#command = command;
    const now = simulation.time.now();
    this.#row = {
      tenant,
      trainId: 'train-s',
      author: 'alice',
      intent: 'assemble',
      status: 'Pending',
      members: members.map((member) => ({ ...member, moduleId: `${member.moduleName}-after`, after: [] })),
      order: 'given',
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

  /** Writes on top of what was read, as the table of trains does; `null` when somebody was faster. */
  async update(read: Train, change: TrainChange): Promise<Train | null> {
    await Promise.resolve();
    if (read.revision !== this.#row.revision) return null;
    this.#row = { ...this.#row, ...change, revision: this.#row.revision + 1, updatedAt: this.#simulation.time.now() };
    return this.#row;
  }

  /** Looks at it every two seconds until it is over, on as many servers as there are. */
  sweep(onError: (error: unknown) => void): void {
    this.#simulation.time.after(sweepMs, async () => {
      const drives = await Promise.allSettled(this.#simulation.engines.map(() => this.#drive()));
      for (const drive of drives) if (drive.status === 'rejected') onError(drive.reason);
      if (!this.isOver) this.sweep(onError);
    });
  }

  #drive(): Promise<void> {
    return driveTrain(
      {
        members: async () => this.#members(),
        update: (train, change) => this.update(train, change),
        command: (_train, deploymentId, command, { reason }) => this.#command(deploymentId, command, reason),
        now: () => this.#simulation.time.now(),
      },
      this.#row,
    );
  }

  #members(): readonly MemberState[] {
    return this.#row.members.map(({ deploymentId }) => {
      const summary = this.#simulation.database.summary(deploymentId);
      return {
        deploymentId,
        status: summary?.status ?? null,
        reason: summary?.reason,
        isRetained: summary?.retainedUntil !== undefined,
      };
    });
  }
}
