import type { Db } from 'pg-boss';
import type { Notifications } from './notifications.ts';
import type { PooledSessions } from './pooled-sessions.ts';
import type { Session } from './session.ts';

/**
 * Lets the job queue work on this database's connections, one statement at a time. On PGlite this is what keeps its
 * statements out of open transactions: sharing the session without this gate loses jobs and undoes half of a rollback.
 * @internal
 */
export function bossDatabase(sessions: PooledSessions, notifications: Notifications): Db {
  return {
    executeSql: (text, values) =>
      sessions.withClient(async (client) => {
        try {
          return unwrap(await client.query(text, values));
        } catch (error) {
          // Its multi-statement blocks open transactions of their own; one that failed must not stay open.
          await client.query('rollback').catch(() => undefined);
          throw error;
        }
      }),
    listen: (channel, onNotification, onReconnect) => notifications.listen(channel, onNotification, onReconnect),
  };
}

/** The job queue's view of an open transaction: what it writes is committed or undone with it. @internal */
export function bossSession(session: Session): Db {
  return { executeSql: async (text, values) => ({ rows: [...(await session.query(text, values))] }) };
}

/** Several statements in one text yield a list of results; the queue wants all rows. */
function unwrap(result: unknown): { rows: unknown[] } {
  const results = (Array.isArray(result) ? result : [result]) as readonly { readonly rows?: unknown[] }[];
  return { rows: results.flatMap((each) => each.rows ?? []) };
}
