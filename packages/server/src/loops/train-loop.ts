import { driveTrain, hotSwapError, isHotSwapError, type Clock, type RolloutEngine, type Train } from '@hotswap/core';
import type { ChangeHints } from '../ports/change-hints.ts';
import type { DeploymentList } from '../ports/deployment-list.ts';
import type { TrainStore } from '../ports/train-store.ts';
import { findMember, trainMembers } from '../trains/train-members.ts';

/** Trains of other servers, and members that changed unnoticed, are looked at after that time. */
const sweepMs = 2_000;
/** Changes of members that come together are looked at together. */
const coalesceMs = 30;

/** @internal */
export interface TrainLoopParts {
  readonly trains: TrainStore;
  readonly deployments: Pick<DeploymentList, 'find'>;
  readonly engine: Pick<RolloutEngine, 'command'>;
  readonly nudge: (tenant: string, deploymentId: string) => void;
  readonly changes: ChangeHints;
  /** By which the rows of trains are dated. */
  readonly clock: Clock;
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

  #drive(read: Train): Promise<void> {
    const { trains, deployments, engine, nudge, clock } = this.#parts;
    return driveTrain(
      {
        members: (train) => trainMembers(deployments, train),
        // Nobody asked for it at this moment, and it goes on record nevertheless.
        update: (train, change) => trains.update(train, change, 'train.turn'),
        command: async (train, deploymentId, command, options) => {
          const { tenant, actor } = train;
          // Whatever was decided, and from what: nobody else's deployment hears of it.
          if ((await findMember(deployments, train, deploymentId)) === null)
            throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId });
          await engine.command(tenant, deploymentId, command, actor, options);
          nudge(tenant, deploymentId);
        },
        now: () => clock.now(),
      },
      read,
    );
  }

  #report(error: unknown, trainId: string): void {
    if (!isHotSwapError(error, 'HS_JOURNAL_CONFLICT')) this.#parts.onError(error, trainId);
  }
}
