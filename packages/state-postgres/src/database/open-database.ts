import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import knexFactory, { type Knex } from 'knex';
import type { ClientConfig } from 'pg';
import { PgBoss } from 'pg-boss';
import { stateError } from '../error-codes.ts';
import { migrate } from '../migrations/migrate.ts';
import { bossDatabase } from './boss-database.ts';
import { changeChannel, ChangeFeed } from './change-feed.ts';
import { DataDirLock } from './data-dir-lock.ts';
import type { Database } from './database.ts';
import type { Notifications } from './notifications.ts';
import { PgliteNotifications } from './pglite-notifications.ts';
import { PgliteVacuum } from './pglite-vacuum.ts';
import { auditing } from './audited-sessions.ts';
import { PooledSessions } from './pooled-sessions.ts';
import { PostgresNotifications } from './postgres-notifications.ts';
import { translateError } from './translate-error.ts';
import { wakeQueue } from './wake-queue.ts';

/**
 * Where the database is. Exactly one of the places.
 * @public
 */
export type DatabaseOptions = (
  | {
      /** Directory for an embedded PGlite; created with mode 0700 when it is not there. */
      readonly dataDir: string;
    }
  | {
      /** A PGlite that is gone when closed; for tests and simulations. */
      readonly inMemory: true;
    }
  | {
      /** `postgres://` URL of a Postgres 15 or later that takes writes. */
      readonly url: string;
      /** Most connections that are open at one time, one for `LISTEN` not counted. Default 10. */
      readonly poolSize?: number;
    }
  | {
      /** What `pg` takes; needed for sockets and client certificates. */
      readonly connection: ClientConfig;
      readonly poolSize?: number;
    }
) & {
  /** How long a statement waits for a free connection before HS_STORE_UNAVAILABLE. Default 5,000. */
  readonly acquireTimeoutMs?: number;
  /** Called with faults of background work (job maintenance, lost connections). Default: nothing. */
  readonly onBackgroundError?: (error: unknown) => void;
  /**
   * Called after each statement that stands alone and each transaction, with the time it took, waiting for a connection
   * included, and whether the database failed. Default: nothing is measured.
   */
  readonly onWork?: (durationMs: number, failed: boolean) => void;
};

interface Opened {
  readonly kind: Database['kind'];
  readonly knex: Knex;
  readonly sessions: PooledSessions;
  readonly notifications: Notifications;
  /** What has to end before the connections (first) and after them (last). */
  readonly close: () => Promise<void>;
}

/**
 * Opens the database, brings its tables up to date and starts the job queue and the change feed. Several servers may
 * open one Postgres at the same time; a data directory belongs to one process.
 * @throws HS_STORE_DATA_DIR_LOCKED when another process has the data directory open
 * @throws HS_STORE_STANDBY when the server only reads
 * @throws HS_STORE_UNAVAILABLE when it does not answer
 * @public
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const opened = 'dataDir' in options || 'inMemory' in options ? await openPglite(options) : openPostgres(options);
  try {
    return await start(opened, options);
  } catch (error) {
    await opened.close();
    throw translateError(error);
  }
}

async function start(opened: Opened, options: DatabaseOptions): Promise<Database> {
  const { kind, knex, sessions, notifications } = opened;
  const [mode] = await sessions.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
  if (mode?.standby === true) throw stateError('HS_STORE_STANDBY');
  await migrate(knex, sessions, kind);
  const boss = new PgBoss({
    db: bossDatabase(sessions, notifications),
    backend: kind,
    useListenNotify: true,
    // No cron jobs here; and PGlite is vacuumed by us.
    schedule: false,
    monitorVacuum: kind === 'postgres',
  });
  const report = options.onBackgroundError ?? (() => undefined);
  boss.on('error', report);
  await boss.start();
  await boss.createQueue(wakeQueue.name, wakeQueue.options);
  // Makes it look the queue up now: done inside a transaction on PGlite, the look-up would wait for that transaction.
  await boss.findJobs(wakeQueue.name, { key: '' });
  const changes = new ChangeFeed();
  await notifications.listen(
    changeChannel,
    (payload) => changes.publishText(payload),
    () => changes.publish({ topic: 'resync' }),
  );
  return {
    kind,
    knex,
    changes,
    boss,
    ...auditing(sessions),
    [Symbol.asyncDispose]: async () => {
      await boss.stop({ graceful: true, timeout: 2_000 }).catch(report);
      await opened.close();
    },
  };
}

async function openPglite(
  options: DatabaseOptions & ({ readonly dataDir: string } | { readonly inMemory: true }),
): Promise<Opened> {
  const lock = 'dataDir' in options ? await DataDirLock.acquire(options.dataDir) : null;
  try {
    const pglite = 'dataDir' in options ? new PGlite(join(options.dataDir, 'pglite')) : new PGlite();
    await pglite.waitReady;
    const knex = knexFactory({
      client: 'pg',
      // Made for each connection: the pool replaces a connection that has failed, and its events are used up then.
      connection: () => createPgConfig(pglite) as unknown as Knex.PgConnectionConfig,
      pool: { min: 1, max: 1 },
      ...knexHabits(options),
    });
    const sessions = new PooledSessions(knex, options.onWork);
    const vacuum = new PgliteVacuum(sessions);
    const close = async (): Promise<void> => {
      vacuum[Symbol.dispose]();
      await knex.destroy();
      await pglite.close();
      await lock?.[Symbol.asyncDispose]();
    };
    return { kind: 'pglite', knex, sessions, notifications: new PgliteNotifications(pglite, sessions), close };
  } catch (error) {
    await lock?.[Symbol.asyncDispose]();
    throw error;
  }
}

function openPostgres(
  options: DatabaseOptions &
    ({ readonly url: string } | { readonly connection: ClientConfig }) & { readonly poolSize?: number },
): Opened {
  const config: ClientConfig = {
    ...('url' in options ? { connectionString: options.url } : options.connection),
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
  };
  const knex = knexFactory({
    client: 'pg',
    connection: { application_name: 'hotswap', ...config } as Knex.PgConnectionConfig,
    pool: { min: 0, max: options.poolSize ?? 10 },
    ...knexHabits(options),
  });
  const notifications = new PostgresNotifications(config);
  const close = async (): Promise<void> => {
    await notifications[Symbol.asyncDispose]();
    await knex.destroy();
  };
  return { kind: 'postgres', knex, sessions: new PooledSessions(knex, options.onWork), notifications, close };
}

/** knex prints by itself what its callers get as an error anyway; here it goes where background faults go. */
function knexHabits(options: DatabaseOptions): Pick<Knex.Config, 'acquireConnectionTimeout' | 'log'> {
  const report = options.onBackgroundError ?? (() => undefined);
  const quiet = (): void => undefined;
  return {
    acquireConnectionTimeout: options.acquireTimeoutMs ?? 5_000,
    log: { debug: quiet, deprecate: quiet, warn: report, error: report },
  };
}
