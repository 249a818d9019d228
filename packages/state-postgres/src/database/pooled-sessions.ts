import type { Knex } from 'knex';
import type { Client } from 'pg';
import type { Session, Statement } from './session.ts';
import { isConnectionLoss, isTransient, translateError } from './translate-error.ts';

/** The part of knex's client that its types leave open. */
interface ConnectionPool {
  acquireConnection(): Promise<Client>;
  releaseConnection(client: Client): Promise<void>;
}

/** How often a transaction is repeated that the database gave up: enough for bursts, few enough to surface a design fault. */
const maxAttempts = 6;

/**
 * Runs SQL on connections of knex's pool. On PGlite the pool has one connection, which makes it the mutex that keeps
 * transactions of knex, of this class and of the job queue apart on the one session there is.
 * @internal
 */
export class PooledSessions {
  readonly #pool: ConnectionPool;
  readonly #onWork: ((durationMs: number, failed: boolean) => void) | undefined;

  constructor(knex: Knex, onWork?: (durationMs: number, failed: boolean) => void) {
    this.#pool = knex.client as ConnectionPool;
    this.#onWork = onWork;
  }

  /** Holds one connection for the time of the work. Errors are passed on as they are. */
  async withClient<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const client = await this.#pool.acquireConnection();
    try {
      return await work(client);
    } finally {
      await this.#pool.releaseConnection(client);
    }
  }

  query<Row extends object>(sql: Statement | string, values?: readonly unknown[]): Promise<readonly Row[]> {
    return this.#persistently((client) => queryOn<Row>(client, sql, values));
  }

  execute(sql: Statement | string, values?: readonly unknown[]): Promise<number> {
    return this.#persistently((client) => executeOn(client, sql, values));
  }

  transaction<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    return this.#persistently((client) => transactionOn(client, work));
  }

  /** Repeats what has done nothing: the database gave it up as a whole, or the connection was found dead before it began. */
  async #persistently<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const startedMs = this.#onWork === undefined ? 0 : performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await this.withClient(work);
        this.#onWork?.(performance.now() - startedMs, false);
        return result;
      } catch (error) {
        this.#onWork?.(performance.now() - startedMs, isConnectionLoss(error) || isTransient(error));
        if (attempt < maxAttempts && (isTransient(error) || notBegun.has(error as object))) continue;
        throw translateError(error);
      }
    }
  }
}

/** Errors of transactions that did not even begin. */
const notBegun = new WeakSet<object>();

async function transactionOn<Result>(client: Client, work: (session: Session) => Promise<Result>): Promise<Result> {
  await client.query('begin').catch((error: unknown) => {
    if (isConnectionLoss(error)) notBegun.add(error as object);
    throw error;
  });
  try {
    const result = await work({
      query: (sql, values) => queryOn(client, sql, values),
      execute: (sql, values) => executeOn(client, sql, values),
    });
    await client.query('commit');
    return result;
  } catch (error) {
    // A connection on which even this fails is broken; knex has seen its error event and drops it.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function queryOn<Row extends object>(
  client: Client,
  sql: Statement | string,
  values?: readonly unknown[],
): Promise<readonly Row[]> {
  return (await client.query<Row>(queryConfig(sql, values))).rows;
}

async function executeOn(client: Client, sql: Statement | string, values?: readonly unknown[]): Promise<number> {
  return (await client.query(queryConfig(sql, values))).rowCount ?? 0;
}

function queryConfig(
  sql: Statement | string,
  values: readonly unknown[] = [],
): { text: string; values: unknown[]; name?: string } {
  return typeof sql === 'string'
    ? { text: sql, values: [...values] }
    : { name: sql.name, text: sql.text, values: [...values] };
}
