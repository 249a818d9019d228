import type { Json } from '@hotswap/core';

/** A message that a rollout has asked to be delivered. @internal */
export interface OutboxMessage {
  readonly messageId: number;
  readonly tenant: string;
  readonly deploymentId: string;
  readonly text: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly facts: Json;
}

/** Messages on their way out. @internal */
export interface Outbox {
  claim(limit: number): Promise<readonly OutboxMessage[]>;
  markDelivered(messageIds: readonly number[]): Promise<void>;
  deleteOlderThan(retentionMs: number): Promise<number>;
}
