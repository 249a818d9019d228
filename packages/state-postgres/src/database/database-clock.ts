import type { Clock, Instant } from '@hotswap/core';
import { statement, type Session } from './session.ts';

const readTime = statement('clock_read', `select (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs"`);

/**
 * The database's time, read now and then and carried on by this process's monotonic clock in between, so that servers
 * whose own clocks are off (or jump) decide alike.
 * @public
 */
export class DatabaseClock implements Clock, Disposable {
  readonly #session: Session;
  readonly #timer: NodeJS.Timeout;
  /** What to add to `performance.now()`. */
  #offsetMs = 0;
  #latestMs = 0;

  private constructor(session: Session, refreshMs: number) {
    this.#session = session;
    this.#timer = setInterval(() => void this.refresh().catch(() => undefined), refreshMs);
    this.#timer.unref();
  }

  /**
   * Reads the time once and then every `refreshMs` (default 30,000). While the database is away the last reading holds.
   * @throws HS_STORE_UNAVAILABLE when the first reading fails
   */
  static async open(session: Session, refreshMs: number = 30_000): Promise<DatabaseClock> {
    const clock = new DatabaseClock(session, refreshMs);
    await clock.refresh();
    return clock;
  }

  now(): Instant {
    this.#latestMs = Math.max(this.#latestMs, Math.floor(performance.now() + this.#offsetMs));
    return this.#latestMs;
  }

  /** Reads the database's time at once. A step back does not turn `now()` back; it stands until time has caught up. */
  async refresh(): Promise<void> {
    const before = performance.now();
    const [row] = await this.#session.query<{ nowMs: number }>(readTime);
    if (row) this.#offsetMs = row.nowMs - (before + performance.now()) / 2;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
