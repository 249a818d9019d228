import type { Knex } from 'knex';
import type { PgBoss } from 'pg-boss';
import type { ChangeFeed } from './change-feed.ts';
import type { Session } from './session.ts';

/**
 * One open database: Postgres, or PGlite in this process. Everything in this package works on one.
 * @public
 */
export interface Database extends Session, AsyncDisposable {
  readonly kind: 'pglite' | 'postgres';
  /** For ad-hoc queries and migrations; it shares the connections of this database. */
  readonly knex: Knex;
  /** Hints about what other transactions, here or on other servers, have changed. */
  readonly changes: ChangeFeed;
  /** Job queue in the same database. @internal */
  readonly boss: PgBoss;
  /**
   * Runs the work in one transaction and commits it. Repeated when the database gave it up because of a deadlock or a
   * serialization failure, so the work must have no effects outside its session. On PGlite there is one session: work
   * that uses the database instead of its own session waits for itself and fails with HS_STORE_UNAVAILABLE.
   * @throws HS_STORE_UNAVAILABLE, HS_STORE_QUERY_FAILED, HS_STORE_INVALID_TEXT, and whatever the work throws
   */
  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result>;
}
