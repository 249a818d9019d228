import type { FanOut } from '@hotswap/core';
import type { FanOutRig } from '@hotswap/testing';

type Handler = (message: string) => void;

/** What may go wrong on the way. */
interface Options {
  readonly change?: (message: string) => string;
  readonly toSelf?: boolean;
  readonly reversed?: boolean;
  readonly keeps?: boolean;
  readonly complains?: boolean;
}

/** For each clause of the suite a fan-out that breaks it. */
export const fanOutFaults: Readonly<Record<string, Options>> = {
  'brings a message to every other member as it was sent': { change: (message) => message.trim().slice(0, 10) },
  'does not bring a member what it sent itself': { toSelf: true },
  'keeps the order of one sender': { reversed: true },
  'brings nothing to a handler that was taken away': { keeps: true },
  'takes messages after its end without a complaint': { complains: true },
};

/** A rig over members in this process, or over ones with a fault. */
export function fanOutRig({ change, toSelf, reversed, keeps, complains }: Options = {}): Promise<FanOutRig> {
  const handlers: Set<Handler>[] = [new Set(), new Set(), new Set()];
  const queue: (() => void)[] = [];
  const drain = (): void => {
    while (queue.length > 0) (reversed === true ? queue.pop() : queue.shift())?.();
  };
  const member = (self: number): FanOut => {
    let isClosed = false;
    return {
      publish: (message) => {
        if (isClosed && complains === true) throw new TypeError('closed');
        if (isClosed) return;
        for (const [index, each] of handlers.entries())
          if (index !== self || toSelf === true)
            queue.push(() => each.forEach((handler) => handler(change?.(message) ?? message)));
      },
      subscribe: (handler) => {
        handlers[self]?.add(handler);
        return () => void (keeps === true || handlers[self]?.delete(handler));
      },
      [Symbol.asyncDispose]: () => {
        isClosed = true;
        return Promise.resolve();
      },
    };
  };
  return Promise.resolve({
    members: [member(0), member(1), member(2)],
    letPass: () => Promise.resolve(drain()),
    patienceMs: 100,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
