import type { FleetCounts } from '../ports/fleet-counts.ts';

/** Scrapes of several Prometheus servers, and the gauges of one scrape, share a reading. */
const keptMs = 1_000;
/** A database that hangs must not keep the rest of a scrape waiting. */
const longestReadMs = 3_000;

/** Counts of the fleet, read at most once a second. @internal */
export class FleetSnapshot {
  readonly #read: () => Promise<FleetCounts>;
  #last: Promise<FleetCounts> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(read: () => Promise<FleetCounts>) {
    this.#read = read;
  }

  /** Rejects when the database does not answer, or not in time. */
  counts(): Promise<FleetCounts> {
    const now = performance.now();
    if (this.#last === undefined || now - this.#readAt >= keptMs) {
      this.#readAt = now;
      this.#last = inTime(this.#read());
    }
    return this.#last;
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<T>();
  const timer = setTimeout(() => reject(new DOMException('the database is late', 'TimeoutError')), longestReadMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
