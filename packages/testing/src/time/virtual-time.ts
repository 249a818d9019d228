import type { Clock, Instant } from '@hotswap/core';

interface TimedEvent {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void | Promise<void>;
}

const isBefore = (a: TimedEvent, b: TimedEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/**
 * A clock that moves from event to event. An hour of a rollout costs as much real time as the work that happens in it,
 * and runs the same every time: events of one instant run in the order in which they were asked for.
 * @public
 */
export class VirtualTime implements Clock {
  #now: Instant;
  #order = 0;
  readonly #heap: TimedEvent[] = [];

  /** Starts at 1 January 2026 unless told otherwise. */
  constructor(startsAt: Instant = Date.UTC(2026, 0, 1)) {
    this.#now = startsAt;
  }

  now(): Instant {
    return this.#now;
  }

  /** Runs something at a time; a time in the past means as soon as the current event is over. */
  at(at: Instant, run: () => void | Promise<void>): void {
    const event = { at: Math.max(at, this.#now), order: this.#order++, run };
    const heap = this.#heap;
    let hole = heap.push(event) - 1;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      const above = heap[parent] as TimedEvent;
      if (isBefore(above, event)) break;
      heap[hole] = above;
      hole = parent;
    }
    heap[hole] = event;
  }

  /** Runs something after a number of milliseconds. */
  after(delayMs: number, run: () => void | Promise<void>): void {
    this.at(this.#now + delayMs, run);
  }

  /**
   * Runs events until none is left, or, with a time, up to and including it; the clock then stands at that time. Stops
   * before an event for which `proceed` says no, with the clock where it is then.
   */
  async run(until?: Instant, proceed?: () => boolean | Promise<boolean>): Promise<void> {
    for (let next = this.#heap[0]; next && (until === undefined || next.at <= until); next = this.#heap[0]) {
      if (proceed && !(await proceed())) return;
      this.#pop();
      this.#now = next.at;
      await next.run();
    }
    if (until !== undefined) this.#now = Math.max(this.#now, until);
  }

  /** Runs the events of the next so many milliseconds. */
  async advance(ms: number): Promise<void> {
    await this.run(this.#now + ms);
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as TimedEvent, heap[child] as TimedEvent)) child++;
      const below = heap[child] as TimedEvent;
      if (isBefore(last, below)) break;
      heap[hole] = below;
      hole = child;
    }
    heap[hole] = last;
  }
}
