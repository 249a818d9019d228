import type { EventStream } from '../http/event-stream.ts';
import type { EventLog, LoggedEvent } from '../ports/event-log.ts';
import type { EventFeed } from './event-feed.ts';
import { lostTopic } from './event-log-writer.ts';

const pageSize = 500;
/** How soon a reader who is told nothing learns where to go on. */
const markMs = 10_000;

/** What a reader wants of the events. @internal */
export interface EventWish {
  readonly tenant: string;
  /** A topic and those below it. */
  readonly topic?: string | undefined;
  /** `Last-Event-ID`. Absent: events from now on. */
  readonly after?: number | undefined;
}

type Loss =
  /** They were kept for as long as the server keeps them. */
  | 'expired'
  /** The id is of a database that was put back since. */
  | 'restored'
  /** The server that they come from could not write them down. */
  | 'dropped';

const lossTexts: Readonly<Record<Loss, string>> = {
  expired: 'there may have been events after your Last-Event-ID that are no longer kept: read what you show anew',
  restored: 'your Last-Event-ID is of another state of the database: read what you show anew',
  dropped: 'a server could not write its events down for a while: read what you show anew',
};

/**
 * Sends events to one reader, each with its place in the order of all. A reader who comes back gets what came after its
 * last id, from whichever server; it is told when that is no longer all there.
 * @internal
 */
export class LiveEventStream {
  readonly #feed: Pick<EventFeed, 'position' | 'follow'>;
  readonly #log: Pick<EventLog, 'read'>;
  readonly #wish: EventWish;
  readonly #stream: EventStream;
  #at: number;
  #marked = -1;

  constructor(
    parts: { readonly feed: Pick<EventFeed, 'position' | 'follow'>; readonly log: Pick<EventLog, 'read'> },
    wish: EventWish,
    stream: EventStream,
  ) {
    this.#feed = parts.feed;
    this.#log = parts.log;
    this.#wish = wish;
    this.#stream = stream;
    this.#at = wish.after ?? parts.feed.position;
  }

  /** Resolves when the reader gets events as they come. @throws whatever the log throws */
  async run(): Promise<void> {
    if (this.#wish.after === undefined) this.#mark();
    else await this.#sendPage();
    while (this.#stream.isOpen && this.#at < this.#feed.position) await this.#sendPage();
    // Nothing may come between the look at the feed's position and this.
    const stop = this.#feed.follow({
      onEvent: (event) => {
        if (event.position <= this.#at) return;
        this.#at = event.position;
        if (this.#isWanted(event)) this.#send(event);
      },
      // It comes back, and is told.
      onGap: () => this.#stream.close(),
    });
    const marking = setInterval(() => this.#mark(), markMs);
    this.#stream.onClose(() => {
      stop();
      clearInterval(marking);
    });
  }

  async #sendPage(): Promise<void> {
    const { tenant, topic } = this.#wish;
    const upTo = Math.max(this.#at, this.#feed.position);
    const { events, keptFrom, last } = await this.#log.read({
      ...{ tenant, after: this.#at, upTo, limit: pageSize },
      ...(topic === undefined ? {} : { topic }),
    });
    if (this.#at > last) {
      this.#at = last;
      this.#tellLoss('restored', last);
      return;
    }
    if (keptFrom > this.#at + 1) this.#tellLoss('expired', keptFrom - 1);
    for (const event of events) {
      this.#send(event);
      await this.#stream.drained();
    }
    this.#at = events.length === pageSize ? (events.at(-1)?.position ?? upTo) : upTo;
  }

  #isWanted({ tenant, topic }: LoggedEvent): boolean {
    const wanted = this.#wish.topic;
    if (tenant !== this.#wish.tenant) return false;
    return wanted === undefined || topic === wanted || topic === lostTopic || topic.startsWith(`${wanted}.`);
  }

  #send({ position, topic, subject, facts }: LoggedEvent): void {
    if (topic === lostTopic) {
      this.#tellLoss('dropped', position);
      return;
    }
    this.#marked = position;
    const data = JSON.stringify({ topic, subject, ...(facts === undefined ? {} : { facts }) });
    this.#stream.send({ event: topic, id: position, data });
  }

  #tellLoss(reason: Loss, id: number): void {
    this.#marked = id;
    const data = JSON.stringify({ kind: 'lost', reason, message: lossTexts[reason] });
    this.#stream.send({ event: 'lost', id, data });
  }

  #mark(): void {
    if (this.#at <= this.#marked) return;
    this.#marked = this.#at;
    this.#stream.mark(this.#at);
  }
}
