import { isHotSwapError, type Clock, type RolloutEngine, type Scheduler } from '@hotswap/core';

/** Reports of nodes that arrive within this time are looked at together: one look each would cost hundreds of times more. */
const coalesceMs = 50;
const firstRetryMs = 200;
const longestRetryMs = 10_000;
const longestTimerMs = 2_147_483_647;

/** @internal */
export interface RolloutLoopParts {
  readonly engine: Pick<RolloutEngine, 'advance'>;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly onError: (error: unknown, deploymentId: string) => void;
}

interface Entry {
  readonly tenant: string;
  readonly deploymentId: string;
  timer: NodeJS.Timeout | undefined;
  /** Monotonic time for which the timer is set. */
  dueAt: number;
  running: Promise<void> | undefined;
  /** Something happened while it was running. */
  again: boolean;
  lastRunAt: number;
  failures: number;
}

/**
 * Drives deployments: after events, when the engine asked to be woken, and on the durable wakes of the scheduler, which
 * are the floor under everything else here.
 * @internal
 */
export class RolloutLoop {
  readonly #parts: RolloutLoopParts;
  readonly #entries = new Map<string, Entry>();
  #isStopped = false;

  constructor(parts: RolloutLoopParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    await this.#parts.scheduler.start(async ({ tenant, deploymentId }) => {
      if (!this.#isStopped) await this.#run(this.#entry(tenant, deploymentId));
    });
  }

  /** Something happened to the deployment: it is looked at at once, or together with what follows within 50 ms. */
  nudge(tenant: string, deploymentId: string): void {
    if (this.#isStopped) return;
    const entry = this.#entry(tenant, deploymentId);
    if (entry.running) entry.again = true;
    else this.#schedule(entry, Math.max(0, entry.lastRunAt + coalesceMs - performance.now()));
  }

  /** Takes up nothing new and waits for what is running. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const entry of this.#entries.values()) clearTimeout(entry.timer);
    await Promise.allSettled([...this.#entries.values()].flatMap((entry) => entry.running ?? []));
    await this.#parts.scheduler[Symbol.asyncDispose]();
  }

  #entry(tenant: string, deploymentId: string): Entry {
    const key = `${tenant}/${deploymentId}`;
    const known = this.#entries.get(key);
    if (known) return known;
    const entry: Entry = {
      tenant,
      deploymentId,
      timer: undefined,
      dueAt: Infinity,
      running: undefined,
      again: false,
      lastRunAt: -Infinity,
      failures: 0,
    };
    this.#entries.set(key, entry);
    return entry;
  }

  /** An earlier time replaces a later one. */
  #schedule(entry: Entry, inMs: number): void {
    const dueAt = performance.now() + inMs;
    if (this.#isStopped || dueAt >= entry.dueAt) return;
    clearTimeout(entry.timer);
    entry.dueAt = dueAt;
    entry.timer = setTimeout(
      () => {
        entry.dueAt = Infinity;
        this.#run(entry).catch(() => undefined);
      },
      Math.min(inMs, longestTimerMs),
    );
    entry.timer.unref();
  }

  /** One run at a time for each deployment. Rejects when the run failed, so that durable wakes come again. */
  #run(entry: Entry): Promise<void> {
    if (entry.running) {
      entry.again = true;
      return entry.running;
    }
    entry.running = this.#advance(entry).finally(() => {
      entry.running = undefined;
      entry.lastRunAt = performance.now();
      if (!entry.again) return;
      entry.again = false;
      this.#schedule(entry, coalesceMs);
    });
    return entry.running;
  }

  async #advance(entry: Entry): Promise<void> {
    const { engine, clock, onError } = this.#parts;
    const { tenant, deploymentId } = entry;
    try {
      const result = await engine.advance(tenant, deploymentId);
      entry.failures = 0;
      if (result.kind === 'idle') this.#forget(entry);
      else if (result.wakeAt !== undefined) this.#schedule(entry, Math.max(1, result.wakeAt - clock.now()));
    } catch (error) {
      if (isHotSwapError(error, 'HS_DEPLOYMENT_NOT_FOUND')) {
        this.#forget(entry);
        return;
      }
      if (isHotSwapError(error, 'HS_JOURNAL_CONFLICT')) {
        entry.again = true;
        return;
      }
      onError(error, deploymentId);
      this.#schedule(entry, Math.min(firstRetryMs * 2 ** entry.failures++, longestRetryMs));
      throw error;
    }
  }

  #forget(entry: Entry): void {
    if (!entry.again) this.#entries.delete(`${entry.tenant}/${entry.deploymentId}`);
  }
}
