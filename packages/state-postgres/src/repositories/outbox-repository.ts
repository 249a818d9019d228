import type { Json } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';

/** A message that journals, or the watch over nodes, have asked to be delivered. @public */
export interface OutboxMessage {
  readonly messageId: number;
  readonly tenant: string;
  /** What it is about: one of the two. */
  readonly deploymentId: string | null;
  readonly nodeId: string | null;
  readonly text: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly facts: Json;
  readonly createdAt: number;
  /** Attempts so far, this one included. */
  readonly attempts: number;
}

const columns = `message_id::float8 as "messageId", tenant, deployment_id as "deploymentId", node_id as "nodeId", text, severity, facts,
  (extract(epoch from created_at) * 1000)::float8 as "createdAt", attempts`;

/** The time to the next attempt doubles up to an hour. */
const claim = statement(
  'outbox_claim',
  `
update outbox set attempts = attempts + 1,
  next_attempt_at = clock_timestamp() + least($2::float8 * power(2, least(attempts, 20)), greatest($2::float8, 3600000)) * interval '1 millisecond'
where message_id in (
  select message_id from outbox where delivered_at is null and next_attempt_at <= clock_timestamp() order by message_id limit $1 for update skip locked)
returning ${columns}`,
);

const readOne = statement('outbox_read', `select ${columns} from outbox where message_id = $1`);

const announce = statement(
  'outbox_announce',
  `
select pg_notify('hotswap_changes', json_build_object('topic', 'message', 'tenant', tenant, 'messageId', message_id)::text)
from outbox where message_id = any ($1::bigint[])`,
);

const delivered = statement(
  'outbox_delivered',
  `update outbox set delivered_at = clock_timestamp() where message_id = any ($1::bigint[])`,
);

const deleteOld = statement(
  'outbox_delete',
  `
delete from outbox where created_at < clock_timestamp() - $1::float8 * interval '1 millisecond'`,
);

/**
 * Messages on their way out. Written with the journal entry that they belong to, delivered at least once.
 * @public
 */
export class OutboxRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Takes messages that are due, each for one server. Those not marked as delivered are due again after `leaseMs`, then
   * after twice as long, and so on up to an hour.
   */
  async claim(limit: number, leaseMs: number = 30_000): Promise<readonly OutboxMessage[]> {
    const rows = await this.#session.query<OutboxMessage>(claim, [limit, leaseMs]);
    return rows.toSorted((a, b) => a.messageId - b.messageId);
  }

  /** `null` when it is gone. */
  async read(messageId: number): Promise<OutboxMessage | null> {
    const [row] = await this.#session.query<OutboxMessage>(readOne, [messageId]);
    return row ?? null;
  }

  /** Tells all servers on this database of the messages, by a hint. */
  async announce(messageIds: readonly number[]): Promise<void> {
    await this.#session.query(announce, [messageIds]);
  }

  async markDelivered(messageIds: readonly number[]): Promise<void> {
    await this.#session.execute(delivered, [messageIds]);
  }

  /** Deletes messages of that age, delivered or not; returns their number. */
  async deleteOlderThan(retentionMs: number): Promise<number> {
    return this.#session.execute(deleteOld, [retentionMs]);
  }
}
