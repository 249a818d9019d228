import type { Instant, Scheduler } from '@hotswap/core';

/** A scheduler that has not been started, and its time. @public */
export interface SchedulerRig extends AsyncDisposable {
  readonly scheduler: Scheduler;
  now(): Instant;
  /** Lets real or virtual time pass. */
  letPass(ms: number): Promise<void>;
  /** How late a due wake may come, redelivery after a failure included. */
  readonly patienceMs: number;
}
