import type { ChangeHints } from '../ports/change-hints.ts';
import type { EventLog, LoggedEvent } from '../ports/event-log.ts';

const pageSize = 500;

/** What a reader is called with. @internal */
export interface FeedReader {
  readonly onEvent: (event: LoggedEvent) => void;
  /** Events were forgotten before this server has read them. */
  readonly onGap: () => void;
}

/** @internal */
export interface EventFeedParts {
  readonly log: EventLog;
  readonly changes: ChangeHints;
  readonly onError: (error: unknown) => void;
}

/** The end of the event log, read once for all streams of this server. @internal */
export class EventFeed {
  readonly #parts: EventFeedParts;
  readonly #readers = new Set<FeedReader>();
  #position = 0;
  #unsubscribe: (() => void) | undefined;
  #looking: Promise<void> | undefined;
  #mustLookAgain = false;
  #isStopped = false;

  constructor(parts: EventFeedParts) {
    this.#parts = parts;
  }

  /** Readers have been called with everything up to here. */
  get position(): number {
    return this.#position;
  }

  /** Begins with what is written from now on. */
  async start(): Promise<void> {
    const { log, changes } = this.#parts;
    await log.order();
    const { last } = await log.read({ after: Number.MAX_SAFE_INTEGER, limit: 1 });
    this.#position = last;
    this.#unsubscribe = changes.subscribe(({ topic }) => {
      if (topic === 'events' || topic === 'resync') this.#look();
    });
    this.#look();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#isStopped = true;
    await this.#looking;
  }

  /** Calls the reader with each event after the position of now, in order, until the returned function is called. */
  follow(reader: FeedReader): () => void {
    this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  #look(): void {
    this.#mustLookAgain = true;
    this.#looking ??= this.#readOn()
      .catch((error: unknown) => this.#parts.onError(error))
      .finally(() => {
        this.#looking = undefined;
        if (this.#mustLookAgain && !this.#isStopped) this.#look();
      });
  }

  async #readOn(): Promise<void> {
    while (this.#mustLookAgain && !this.#isStopped) {
      this.#mustLookAgain = false;
      await this.#parts.log.order();
      while (await this.#readPage());
    }
  }

  /** @returns whether there may be more */
  async #readPage(): Promise<boolean> {
    const { events, keptFrom } = await this.#parts.log.read({ after: this.#position, limit: pageSize });
    if (keptFrom > this.#position + 1) for (const reader of [...this.#readers]) reader.onGap();
    for (const event of events) {
      this.#position = event.position;
      for (const reader of [...this.#readers]) reader.onEvent(event);
    }
    return events.length === pageSize;
  }
}
