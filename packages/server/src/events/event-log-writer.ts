import { randomUUID } from 'node:crypto';
import type { HotSwapEvent } from '@hotswap/core';
import type { EventBus } from '../event-bus.ts';
import type { EventLog, NewEvent } from '../ports/event-log.ts';

/** The database writes these down itself, with the changes that they tell of. */
const writtenWithChanges: ReadonlySet<string> = new Set(['deployment.changed', 'route.changed']);
/** What is told in place of events that could not be kept. @internal */
export const lostTopic = 'events.lost';

const batchSize = 500;
const retryMs = 1_000;

/** @internal */
export interface EventLogWriterParts {
  readonly events: Pick<EventBus, 'subscribe'>;
  readonly log: Pick<EventLog, 'append'>;
  readonly onError: (error: unknown) => void;
  /** Most events that wait for a database that is away. Default 10,000. */
  readonly maxWaiting?: number;
}

/**
 * Writes the events of this server into the log that all servers' streams are sent from. While the database is away they
 * wait; those beyond the limit are counted, and readers are told that they are missing.
 * @internal
 */
export class EventLogWriter {
  readonly #parts: EventLogWriterParts;
  readonly #runId = randomUUID();
  #taken = 0;
  readonly #lost = new Map<string, number>();
  #waiting: NewEvent[] = [];
  #unsubscribe: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;

  constructor(parts: EventLogWriterParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unsubscribe = this.#parts.events.subscribe((event) => {
      if (!writtenWithChanges.has(event.topic)) this.#take(event);
    });
  }

  /** Takes no more and writes what waits, if the database takes it. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#writing;
    clearTimeout(this.#timer);
    if (this.#waiting.length > 0) await this.#write();
    clearTimeout(this.#timer);
  }

  #take(event: HotSwapEvent): void {
    if (this.#waiting.length >= (this.#parts.maxWaiting ?? 10_000)) {
      this.#lost.set(event.tenant, (this.#lost.get(event.tenant) ?? 0) + 1);
      return;
    }
    this.#waiting.push(this.#name(event));
    if (this.#timer === undefined) this.#begin();
  }

  #begin(): void {
    this.#timer = undefined;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#waiting.length > 0 && this.#timer === undefined) this.#begin();
    });
  }

  /** Never rejects. What comes while a batch is written is the next one. */
  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, batchSize);
      try {
        await this.#parts.log.append(batch);
      } catch (error) {
        this.#parts.onError(error);
        this.#timer = setTimeout(() => this.#begin(), retryMs);
        this.#timer.unref();
        return;
      }
      this.#waiting = this.#waiting.slice(batch.length);
      this.#waiting.push(...this.#takeLost());
    }
  }

  #takeLost(): readonly NewEvent[] {
    const lost = [...this.#lost].map(([tenant, count]) =>
      this.#name({ tenant, topic: lostTopic, subject: 'server', facts: { events: count } }),
    );
    this.#lost.clear();
    return lost;
  }

  /**
   * Written twice it would be told twice: a batch is written again when nobody knows whether it was, and every server
   * hears of each alert.
   */
  #name(event: HotSwapEvent): NewEvent {
    const { alertId } = (event.facts ?? {}) as { readonly alertId?: unknown };
    const isAlert = event.topic.startsWith('alerts.') && typeof alertId === 'string';
    return { ...event, once: isAlert ? `${event.topic}/${alertId}` : `${this.#runId}/${String(this.#taken++)}` };
  }
}
