import type { FanOut, HotSwapEvent } from '@hotswap/core';
import type { EventBus } from './event-bus.ts';

/** What every server finds out by itself, from the database; alerts among it. */
const foundOutByAll: ReadonlySet<string> = new Set(['deployment.changed', 'route.changed']);
const isFoundOutByAll = ({ topic }: HotSwapEvent): boolean => foundOutByAll.has(topic) || topic.startsWith('alerts.');

/**
 * Brings what one server hears of to the screens of all: nodes report to one server, people look at another.
 * @internal
 */
export function relayEvents(events: EventBus, fanOut: FanOut): void {
  events.subscribeOwn((event) => {
    if (!isFoundOutByAll(event)) fanOut.publish(JSON.stringify(event));
  });
  fanOut.subscribe((message) => {
    const event = readEvent(message);
    if (event !== null) events.emitOfOther(event);
  });
}

function readEvent(message: string): HotSwapEvent | null {
  try {
    const { topic, tenant, subject, facts } = JSON.parse(message) as Partial<HotSwapEvent>;
    if (typeof topic !== 'string' || typeof tenant !== 'string' || typeof subject !== 'string') return null;
    return { topic, tenant, subject, ...(facts === undefined ? {} : { facts }) };
  } catch {
    return null;
  }
}
