import type { Json } from '@hotswap/core';
import type { OutboxMessage } from '../ports/outbox.ts';

/** Something that people should know of: what webhooks get as JSON. @internal */
export interface Alert {
  /** Equal for every delivery of one alert: a receiver that has seen it may pass it over. */
  readonly alertId: string;
  /** RFC 3339. */
  readonly at: string;
  readonly tenant: string;
  /** `warning` and `critical` want somebody to look; `info` says that something is over, or was asked to be said. */
  readonly severity: 'info' | 'warning' | 'critical';
  readonly topic: 'deployment' | 'node';
  /** Id of the deployment or the node. */
  readonly subject: string;
  readonly text: string;
  readonly facts: Json;
}

/** @internal */
export function toAlert(message: OutboxMessage): Alert {
  const { messageId, createdAt, tenant, severity, deploymentId, nodeId, text, facts } = message;
  return {
    alertId: `alert-${messageId}`,
    at: new Date(createdAt).toISOString(),
    tenant,
    severity,
    topic: nodeId === null ? 'deployment' : 'node',
    subject: nodeId ?? deploymentId ?? '',
    text,
    facts,
  };
}
