import { describe, expect, it } from 'vitest';
import type { FanOut, HotSwapEvent } from '@hotswap/core';
import { EventBus } from '../src/event-bus.ts';
import { relayEvents } from '../src/relay-events.ts';

/** A channel that brings everything to everybody, its sender included. */
function channel(): { readonly open: () => FanOut; readonly sent: string[] } {
  const readers: ((message: string) => void)[] = [];
  const sent: string[] = [];
  const publish = (message: string): void => {
    sent.push(message);
    for (const reader of readers) reader(message);
  };
  const open = (): FanOut => ({
    publish,
    subscribe: (reader) => (readers.push(reader), () => undefined),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
  return { sent, open };
}

describe('events between servers', () => {
  const joined: HotSwapEvent = { topic: 'node.joined', tenant: 'default', subject: 'n1', facts: { region: 'here' } };

  function pair(): { readonly buses: readonly [EventBus, EventBus]; heard: HotSwapEvent[][]; sent: string[] } {
    const { open, sent } = channel();
    const buses = [new EventBus(), new EventBus()] as const;
    const heard = buses.map((bus) => {
      const events: HotSwapEvent[] = [];
      bus.subscribe((event) => events.push(event));
      return events;
    });
    for (const bus of buses) relayEvents(bus, open());
    return { buses, heard, sent };
  }

  it('reach the other one as they were, and are sent once', () => {
    const { buses, heard, sent } = pair();
    buses[0].emit(joined);
    expect(heard[1]).toEqual([joined]);
    expect(sent).toHaveLength(1);
  });

  it('are for screens only: what is to be done of them is done by the server that told of them', () => {
    const { buses } = pair();
    const worked: string[] = [];
    for (const [at, bus] of buses.entries())
      bus.subscribeOwn(({ subject }) => worked.push(`${subject} at ${String(at)}`));
    buses[0].emit(joined);
    expect(worked).toEqual(['n1 at 0']);
  });

  it('are not heard once nobody listens any more', () => {
    const { buses } = pair();
    const heard: HotSwapEvent[] = [];
    const stops = buses.flatMap((bus) => [
      bus.subscribe((event) => heard.push(event)),
      bus.subscribeOwn((event) => heard.push(event)),
    ]);
    for (const stop of stops) stop();
    buses[0].emit(joined);
    expect(heard).toEqual([]);
  });

  it('are not sent when every server finds out by itself', () => {
    const { buses, heard, sent } = pair();
    for (const topic of ['deployment.changed', 'route.changed', 'alerts.deployment'])
      buses[0].emit({ ...joined, topic });
    expect([heard[1], sent]).toEqual([[], []]);
  });

  it.each(['', 'no JSON', 'null', '[]', '7', '{"topic":1,"tenant":"t","subject":"s"}', '{"topic":"a","tenant":"t"}'])(
    'passes over what is no event: %s',
    (message) => {
      const { open } = channel();
      const bus = new EventBus();
      const heard: HotSwapEvent[] = [];
      bus.subscribe((event) => heard.push(event));
      const fanOut = open();
      relayEvents(bus, fanOut);
      expect(() => fanOut.publish(message)).not.toThrow();
      expect(heard).toEqual([]);
    },
  );
});
