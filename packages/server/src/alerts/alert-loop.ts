import type { EventSink } from '@hotswap/core';
import type { Logger } from 'pino';
import type { ChangeHints } from '../ports/change-hints.ts';
import type { Outbox, OutboxMessage } from '../ports/outbox.ts';
import { toAlert, type Alert } from './alert.ts';

const lookMs = 1_000;
const batchSize = 100;
const atOnce = 8;
/** The time between two attempts doubles up to an hour: the last one comes about eight hours after the first. */
const maxAttempts = 15;

/** @internal */
export interface AlertLoopParts {
  readonly outbox: Outbox;
  readonly changes: ChangeHints;
  readonly events: EventSink;
  readonly logger: Pick<Logger, 'error' | 'warn' | 'info'>;
  /** Absent: alerts are in the log and in the event stream only. */
  readonly webhook?: { send(alert: Alert): Promise<void> };
}

/**
 * Takes what rollouts and the watch over nodes have to say out of the outbox: once into the log, to the event streams of
 * all servers, and to the webhook at least once.
 * @internal
 */
export class AlertLoop {
  readonly #parts: AlertLoopParts;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void) | undefined;
  #working: Promise<void> | undefined;
  readonly #hearing = new Set<Promise<void>>();

  constructor(parts: AlertLoopParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unsubscribe = this.#parts.changes.subscribe((hint) => {
      if (hint.topic === 'message') this.#hear(hint.messageId);
    });
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#unsubscribe?.();
    await this.#working;
    await Promise.all(this.#hearing);
  }

  #look(): void {
    this.#working ??= this.deliver()
      .catch((error: unknown) => this.#parts.logger.warn({ err: error }, 'alerts were not delivered and will be later'))
      .finally(() => {
        this.#working = undefined;
      });
  }

  /** Delivers what is due now. */
  async deliver(): Promise<void> {
    const { outbox } = this.#parts;
    const messages = await outbox.claim(batchSize);
    const fresh = messages.filter(({ attempts }) => attempts === 1);
    for (const message of fresh) this.#log(toAlert(message));
    if (fresh.length > 0) await outbox.announce(fresh.map(({ messageId }) => messageId));
    for (let from = 0; from < messages.length; from += atOnce) {
      const some = messages.slice(from, from + atOnce);
      const delivered = await Promise.all(some.map((message) => this.#send(message)));
      const done = some.filter((_, at) => delivered[at]).map(({ messageId }) => messageId);
      if (done.length > 0) await outbox.markDelivered(done);
    }
  }

  /** Says whether nothing more is to be done for the message. */
  async #send(message: OutboxMessage): Promise<boolean> {
    const { webhook, logger } = this.#parts;
    if (webhook === undefined) return true;
    const alert = toAlert(message);
    try {
      await webhook.send(alert);
      return true;
    } catch (error) {
      const { attempts } = message;
      const isLast = attempts >= maxAttempts;
      logger.warn(
        { err: error, alertId: alert.alertId, attempts },
        isLast ? 'an alert is given up' : 'an alert will be sent again',
      );
      return isLast;
    }
  }

  #log({ severity, topic, subject, text, alertId, tenant }: Alert): void {
    this.#parts.logger[severity === 'info' ? 'info' : 'error']({ alertId, severity, topic, subject, tenant }, text);
  }

  #hear(messageId: number): void {
    const heard: Promise<void> = this.#tell(messageId)
      .catch((error: unknown) => this.#parts.logger.warn({ err: error }, 'an alert was not put into event streams'))
      .finally(() => this.#hearing.delete(heard));
    this.#hearing.add(heard);
  }

  async #tell(messageId: number): Promise<void> {
    const message = await this.#parts.outbox.read(messageId);
    if (message === null) return;
    const { tenant, topic, subject, ...alert } = toAlert(message);
    this.#parts.events.emit({ topic: `alerts.${topic}`, tenant, subject, facts: { ...alert } });
  }
}
