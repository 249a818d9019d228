import { describe, expect, it, vi } from 'vitest';
import type { HotSwapEvent } from '@hotswap/core';
import { EventBus } from '../src/event-bus.ts';
import { EventFeed, type FeedReader } from '../src/events/event-feed.ts';
import { EventLogWriter } from '../src/events/event-log-writer.ts';
import { LiveEventStream, type EventWish } from '../src/events/live-event-stream.ts';
import type { EventStream } from '../src/http/event-stream.ts';
import type { ChangeHint } from '../src/ports/change-hints.ts';
import type { EventLog, EventLogPage, LoggedEvent, NewEvent } from '../src/ports/event-log.ts';

const event = (subject: string, topic = 'node.changed'): HotSwapEvent => ({ tenant: 'default', topic, subject });
const placed = (position: number, topic?: string): LoggedEvent => ({
  ...event(`n${String(position)}`, topic),
  position,
});

/** A log in memory, which can be away. */
class ScriptedLog implements EventLog {
  events: LoggedEvent[] = [];
  keptFrom = 1;
  isAway = false;
  reads = 0;
  readonly #names = new Set<string>();

  append(events: readonly NewEvent[]): Promise<void> {
    if (this.isAway) return Promise.reject(new TypeError('away'));
    for (const { once, ...each } of events) {
      if (once !== undefined && this.#names.has(once)) continue;
      this.#names.add(once ?? '');
      this.events.push({ ...each, position: this.last + 1 });
    }
    return Promise.resolve();
  }

  get last(): number {
    return this.events.at(-1)?.position ?? this.keptFrom - 1;
  }

  order(): Promise<void> {
    return Promise.resolve();
  }

  read({ after, upTo = Infinity, limit, tenant }: Parameters<EventLog['read']>[0]): Promise<EventLogPage> {
    this.reads++;
    const { keptFrom, last } = this;
    const found = this.events.filter(
      (each) => each.position > after && each.position <= upTo && (tenant ?? each.tenant) === each.tenant,
    );
    return Promise.resolve({ events: found.slice(0, limit), keptFrom, last });
  }
}

/** A stream whose reader takes everything. */
function collect(): { stream: EventStream; sent: string[] } {
  const sent: string[] = [];
  let isOpen = true;
  const handlers: (() => void)[] = [];
  const stream: EventStream = {
    get isOpen() {
      return isOpen;
    },
    send: ({ event: name, id, data }) => {
      const { reason } = JSON.parse(data) as { readonly reason?: string };
      sent.push(`${String(id)} ${String(name)}${reason === undefined ? '' : ` ${reason}`}`);
      return true;
    },
    mark: (id) => void sent.push(`${String(id)}`),
    close: () => {
      isOpen = false;
      for (const handler of handlers) handler();
    },
    drained: () => Promise.resolve(),
    onClose: (handler) => void handlers.push(handler),
  };
  return { stream, sent };
}

function scriptedFeed(position: number) {
  const readers = new Set<FeedReader>();
  return {
    position,
    follow: (reader: FeedReader) => (readers.add(reader), () => void readers.delete(reader)),
    tell(events: readonly LoggedEvent[]) {
      for (const each of events) {
        this.position = each.position;
        for (const reader of readers) reader.onEvent(each);
      }
    },
    readers,
  };
}

async function open(log: ScriptedLog, position: number, wish: Partial<EventWish> = {}) {
  const feed = scriptedFeed(position);
  const { stream, sent } = collect();
  await new LiveEventStream({ feed, log }, { tenant: 'default', ...wish }, stream).run();
  return { feed, stream, sent };
}

describe('a stream of events', () => {
  it('names the place where a reader goes on who leaves before anything happens', async () => {
    const { sent, feed, stream } = await open(new ScriptedLog(), 7);
    expect(sent).toEqual(['7']);
    feed.tell([placed(8), placed(9)]);
    expect(sent.slice(1)).toEqual(['8 node.changed', '9 node.changed']);
    stream.close();
    expect(feed.readers.size).toBe(0);
  });

  it('goes on after the last id, over many pages, and then with what happens', async () => {
    const log = new ScriptedLog();
    log.events = Array.from({ length: 1_203 }, (_, n) => placed(n + 1));
    const { sent, feed } = await open(log, 1_203, { after: 100 });
    feed.tell([placed(1_204)]);
    expect(sent).toEqual(Array.from({ length: 1_104 }, (_, n) => `${String(n + 101)} node.changed`));
  });

  it('tells none twice to a reader who has seen more at another server than this one has read', async () => {
    const log = new ScriptedLog();
    log.events = [placed(1), placed(2), placed(3), placed(4)];
    const { sent, feed } = await open(log, 1, { after: 3 });
    feed.tell([placed(2), placed(3), placed(4)]);
    expect(sent).toEqual(['4 node.changed']);
  });

  it('says that events are missing which are no longer kept, and goes on with those that are', async () => {
    const log = new ScriptedLog();
    log.keptFrom = 5;
    log.events = [placed(5), placed(6)];
    expect((await open(log, 6, { after: 2 })).sent).toEqual(['4 lost expired', '5 node.changed', '6 node.changed']);
    expect((await open(log, 6, { after: 4 })).sent).toEqual(['5 node.changed', '6 node.changed']);
  });

  it('says so as well when everything has gone since', async () => {
    const log = new ScriptedLog();
    log.keptFrom = 7;
    expect((await open(log, 6, { after: 2 })).sent).toEqual(['6 lost expired']);
    expect((await open(log, 6, { after: 6 })).sent).toEqual([]);
  });

  it('says so to a reader whose id the database does not know, because it was put back', async () => {
    const log = new ScriptedLog();
    log.events = [placed(1), placed(2)];
    const { sent, feed } = await open(log, 2, { after: 900 });
    feed.tell([placed(3)]);
    expect(sent).toEqual(['2 lost restored', '3 node.changed']);
  });

  it('says so when a server had to drop events, whatever the reader has asked for', async () => {
    const { sent, feed } = await open(new ScriptedLog(), 0, { topic: 'module' });
    feed.tell([placed(1), placed(2, 'events.lost'), placed(3, 'module.registered')]);
    expect(sent.slice(1)).toEqual(['2 lost dropped', '3 module.registered']);
  });

  it('names the place again while all that happens is not for its reader', async () => {
    vi.useFakeTimers();
    try {
      const { sent, feed, stream } = await open(new ScriptedLog(), 0, { topic: 'module' });
      feed.tell([placed(1), placed(2)]);
      vi.advanceTimersByTime(30_000);
      expect(sent).toEqual(['0', '2']);
      stream.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the end of the log', () => {
  it('is read once for all readers, and ends their streams where the server has missed something', async () => {
    const log = new ScriptedLog();
    log.events = [placed(1)];
    let hear: (hint: ChangeHint) => void = () => undefined;
    const feed = new EventFeed({
      log,
      changes: { subscribe: (handler) => ((hear = handler), () => undefined) },
      onError: (error) => expect.unreachable(String(error)),
    });
    await feed.start();
    const [first, second] = [collect(), collect()];
    for (const { stream } of [first, second])
      await new LiveEventStream({ feed, log }, { tenant: 'default' }, stream).run();
    const before = log.reads;
    log.events.push(placed(2), { ...placed(3), tenant: 'other' }, placed(4));
    hear({ topic: 'events' });
    await expect.poll(() => feed.position).toBe(4);
    for (const { sent } of [first, second]) expect(sent).toEqual(['1', '2 node.changed', '4 node.changed']);
    expect(log.reads).toBeLessThanOrEqual(before + 2);
    log.events = [placed(9)];
    log.keptFrom = 9;
    hear({ topic: 'resync' });
    await expect.poll(() => [first.stream.isOpen, second.stream.isOpen]).toEqual([false, false]);
    await feed.stop();
  });
});

describe('what a server writes into the log', () => {
  it('is what happens at it, but for what the database writes down itself; an alert once for all servers', async () => {
    const log = new ScriptedLog();
    for (let servers = 0; servers < 2; servers++) {
      const events = new EventBus();
      const writer = new EventLogWriter({ events, log, onError: (error) => expect.unreachable(String(error)) });
      writer.start();
      for (const topic of ['deployment.changed', 'route.changed', 'node.joined']) events.emit(event('n', topic));
      events.emit({ ...event('d', 'alerts.deployment'), facts: { alertId: 'alert-1' } });
      await writer.stop();
    }
    expect(log.events.map(({ topic }) => topic)).toEqual(['node.joined', 'alerts.deployment', 'node.joined']);
  });

  it('waits while the database is away; what does not fit is told of as missing', async () => {
    vi.useFakeTimers();
    try {
      const [log, events, errors] = [new ScriptedLog(), new EventBus(), [] as unknown[]];
      const writer = new EventLogWriter({ events, log, onError: (error) => errors.push(error), maxWaiting: 2 });
      writer.start();
      log.isAway = true;
      for (const subject of ['a', 'b', 'c', 'd']) events.emit(event(subject));
      await vi.advanceTimersByTimeAsync(2_500);
      expect([errors.length, log.events]).toEqual([3, []]);
      log.isAway = false;
      await vi.advanceTimersByTimeAsync(1_000);
      events.emit(event('e'));
      await writer.stop();
      expect(log.events.map(({ topic, subject, facts }) => [topic, subject, facts])).toEqual([
        ['node.changed', 'a', undefined],
        ['node.changed', 'b', undefined],
        ['events.lost', 'server', { events: 2 }],
        ['node.changed', 'e', undefined],
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});
