import type { IdempotencyKeys } from '../ports/idempotency-keys.ts';
import type { Outbox } from '../ports/outbox.ts';

const cleaningMs = 600_000;
const compactingMs = 60_000;
const keepMessagesMs = 30 * 86_400_000;

/** @internal */
export interface HousekeepingParts {
  readonly outbox: Outbox;
  readonly keys: IdempotencyKeys;
  /** Further things to be forgotten once in a while. */
  readonly cleaners: readonly (() => Promise<unknown>)[];
  /** What has to be made smaller each minute. */
  readonly compactors: readonly (() => Promise<unknown>)[];
  readonly onError: (error: unknown) => void;
}

/** Forgets what is out of date, and makes smaller what has grown. @internal */
export class HousekeepingLoop {
  readonly #parts: HousekeepingParts;
  readonly #timers: NodeJS.Timeout[] = [];
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#every(compactingMs, () => this.#compact());
    this.#every(cleaningMs, () => this.#clean());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
  }

  async #compact(): Promise<void> {
    for (const compact of this.#parts.compactors) await compact();
  }

  async #clean(): Promise<void> {
    const { outbox, keys, cleaners } = this.#parts;
    await keys.deleteExpired();
    await outbox.deleteOlderThan(keepMessagesMs);
    for (const clean of cleaners) await clean();
  }

  #every(ms: number, work: () => Promise<void>): void {
    const timer = setInterval(() => {
      this.#running = this.#running.then(() => (this.#isStopped ? undefined : work().catch(this.#parts.onError)));
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }
}
