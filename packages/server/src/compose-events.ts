import { EventLogRepository, type Database } from '@hotswap/state-postgres';
import type { Logger } from 'pino';
import type { EventBus } from './event-bus.ts';
import { EventFeed } from './events/event-feed.ts';
import { EventLogWriter } from './events/event-log-writer.ts';
import type { LiveEvents } from './server-parts.ts';

const keepEventsMs = 86_400_000;
const mostEvents = 200_000;

/** The log of events in the database, what writes it and what reads its end. @internal */
export function composeEvents(database: Database, events: EventBus, logger: Logger): LiveEvents {
  const log = new EventLogRepository(database);
  const warn =
    (text: string) =>
    (error: unknown): void =>
      logger.warn({ err: error }, text);
  return {
    log,
    feed: new EventFeed({ log, changes: database.changes, onError: warn('events were not read and will be later') }),
    writer: new EventLogWriter({ events, log, onError: warn('events were not written down and will be later') }),
  };
}

/** What streams may forget after a while. @internal */
export function forgetEvents(database: Database): () => Promise<unknown> {
  return () => new EventLogRepository(database).forget(keepEventsMs, mostEvents);
}
