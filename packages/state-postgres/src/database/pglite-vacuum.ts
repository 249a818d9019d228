import type { PooledSessions } from './pooled-sessions.ts';

/** Often, because plans of empty tables serve badly once they have rows; asking costs a millisecond. */
const firstAfterMs = 5_000;
const everyMs = 20_000;

/**
 * Does what autovacuum does elsewhere: PGlite has none, and tables that are updated all the time grow without bound.
 * Tables with few changes are passed over.
 * @internal
 */
export class PgliteVacuum implements Disposable {
  readonly #sessions: PooledSessions;
  #timer: NodeJS.Timeout;
  #closed = false;

  constructor(sessions: PooledSessions) {
    this.#sessions = sessions;
    this.#timer = this.#later(firstAfterMs);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  /** Vacuums at once; returns the tables that needed it. */
  async run(): Promise<readonly string[]> {
    const due = await this.#sessions.query<{ name: string }>(`
      select format('%I.%I', schemaname, relname) as name from pg_stat_user_tables
      where n_dead_tup > 1000 + n_live_tup / 5 or n_mod_since_analyze > 200 + n_live_tup / 5
      order by n_dead_tup desc`);
    for (const { name } of due) {
      if (this.#closed) break;
      // One statement each, so that requests get in between.
      await this.#sessions.execute(`vacuum (analyze) ${name}`);
    }
    return due.map(({ name }) => name);
  }

  #later(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.run()
        .catch(() => undefined)
        .finally(() => {
          if (!this.#closed) this.#timer = this.#later(everyMs);
        });
    }, ms);
    timer.unref();
    return timer;
  }
}
