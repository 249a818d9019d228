import type { SimulatedEvent } from '@hotswap/protocol';

/** Longest timeline that a result carries; what follows is only counted. */
const mostEvents = 2_000;

/** What happened so far, as sentences in order. @internal */
export class SimulatedTimeline {
  readonly #events: SimulatedEvent[] = [];
  #count = 0;

  get events(): readonly SimulatedEvent[] {
    return this.#events;
  }

  get leftOut(): number {
    return this.#count - this.#events.length;
  }

  add(event: SimulatedEvent): void {
    this.#count++;
    if (this.#events.length < mostEvents) this.#events.push(event);
  }
}
