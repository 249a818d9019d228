import type { Json } from '@hotswap/core';

/** A message that a rollout, or the watch over nodes, has asked to be delivered. @internal */
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
  /** This one included. */
  readonly attempts: number;
}

/** Messages on their way out. @internal */
export interface Outbox {
  claim(limit: number): Promise<readonly OutboxMessage[]>;
  read(messageId: number): Promise<OutboxMessage | null>;
  /** Tells all servers of the messages, by a hint. */
  announce(messageIds: readonly number[]): Promise<void>;
  markDelivered(messageIds: readonly number[]): Promise<void>;
  deleteOlderThan(retentionMs: number): Promise<number>;
}
