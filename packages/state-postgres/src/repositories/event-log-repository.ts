import type { HotSwapEvent } from '@hotswap/core';
import type { Database } from '../database/database.ts';
import { statement } from '../database/session.ts';
import { toText } from '../database/to-jsonb.ts';

/** An event before it is written down. @public */
export interface NewEvent extends HotSwapEvent {
  /** Of several with the same one only the first is kept: for what every server finds out. Absent: it is kept. */
  readonly once?: string;
}

/** An event and its place in the order of all. @public */
export interface LoggedEvent extends HotSwapEvent {
  /** Grows by 1 with each event of the installation. */
  readonly position: number;
}

/** Which events are wanted. @public */
export interface EventLogQuery {
  /** Default: those of all tenants. */
  readonly tenant?: string;
  /** A topic and those below it; default all. */
  readonly topic?: string;
  readonly after: number;
  /** The last position that is looked at. Default: the end. */
  readonly upTo?: number;
  readonly limit: number;
}

/** Events of one moment, and what the log held then. @public */
export interface EventLogPage {
  /** In order; as many as the limit when there may be more. */
  readonly events: readonly LoggedEvent[];
  /** Positions from this one on are kept: whoever has only seen earlier ones may have missed some. */
  readonly keptFrom: number;
  /** Last position that has been given; 0: none. */
  readonly last: number;
}

interface Row {
  readonly keptFrom: number;
  readonly last: number;
  readonly position: number | null;
  readonly tenant: string;
  readonly topic: string;
  readonly subject: string;
  readonly facts: NonNullable<HotSwapEvent['facts']> | null;
}

const append = statement(
  'event_log_append',
  `
insert into event_log (tenant, topic, subject, facts, once)
select * from unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::text[])
on conflict (once) do nothing`,
);

const findUnordered = statement('event_log_unordered', `select 1 from event_log where position is null limit 1`);
const lockBounds = statement('event_log_lock', `select last_position from event_log_bounds for update`);

/** A statement of its own, after the lock: it has to see what others have put in order before. */
const putInOrder = statement(
  'event_log_order',
  `
with numbered as materialized (
  select entry_id, row_number() over (order by entry_id) as n from event_log where position is null
),
placed as (
  update event_log e set position = b.last_position + n.n from numbered n, event_log_bounds b where e.entry_id = n.entry_id
  returning 1
)
update event_log_bounds set last_position = last_position + (select count(*) from placed)`,
);

const read = statement(
  'event_log_read',
  `
select b.kept_from::float8 as "keptFrom", b.last_position::float8 as last, e.*
from event_log_bounds b left join lateral (
  select position::float8 as position, tenant, topic, subject, facts from event_log
  where position > $1 and ($2::bigint is null or position <= $2) and ($3::text is null or tenant = $3)
    and ($4::text is null or topic in ($4, 'events.lost') or starts_with(topic, $4 || '.'))
  order by event_log.position limit $5
) e on true order by e.position`,
);

/** From the oldest on, without a hole. */
const forget = statement(
  'event_log_forget',
  `
with cut as materialized (
  select greatest(b.last_position - $2::bigint,
    (select max(position) from event_log where created_at < clock_timestamp() - $1::float8 * interval '1 millisecond'), 0) as position
  from event_log_bounds b
),
moved as (
  update event_log_bounds b set kept_from = cut.position + 1 from cut where b.kept_from <= cut.position
)
delete from event_log e using cut where e.position <= cut.position`,
);

/**
 * Events in the order in which readers of streams get them, whichever server they come from.
 *
 * Transactions end in another order than they write. So entries are written without a position, and get it afterwards by
 * one transaction at a time: whoever has read up to a position has seen everything before it.
 * @public
 */
export class EventLogRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Writes events down; they get their positions by {@link EventLogRepository.order}. */
  async append(events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#database.execute(append, [
      events.map(({ tenant }) => toText(tenant)),
      events.map(({ topic }) => toText(topic)),
      events.map(({ subject }) => toText(subject)),
      events.map(({ facts }) => (facts === undefined ? null : JSON.stringify(facts))),
      events.map(({ once }) => once ?? null),
    ]);
  }

  /** Gives positions to what was committed before this call. */
  async order(): Promise<void> {
    if ((await this.#database.query(findUnordered)).length === 0) return;
    await this.#database.transaction(async (session) => {
      await session.query(lockBounds);
      await session.execute(putInOrder);
    });
  }

  async read({ tenant, topic, after, upTo, limit }: EventLogQuery): Promise<EventLogPage> {
    const rows = await this.#database.query<Row>(read, [after, upTo ?? null, tenant ?? null, topic ?? null, limit]);
    const { keptFrom, last } = rows[0] as Row;
    const events = rows.flatMap((row) =>
      row.position === null
        ? []
        : [
            {
              ...{ position: row.position, tenant: row.tenant, topic: row.topic, subject: row.subject },
              ...(row.facts === null ? {} : { facts: row.facts }),
            },
          ],
    );
    return { events, keptFrom, last };
  }

  /** Forgets events of that age, and the oldest beyond that number; returns how many. */
  async forget(olderThanMs: number, mostKept: number): Promise<number> {
    return this.#database.transaction(async (session) => {
      await session.query(lockBounds);
      return session.execute(forget, [olderThanMs, mostKept]);
    });
  }
}
