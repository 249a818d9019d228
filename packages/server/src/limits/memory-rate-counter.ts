import { rateGrant, type RateCounter, type RateGrant, type RateQuestion } from '@hotswap/core';

/** Names that are remembered at a time; beyond, those that have been silent go first, then the oldest. */
const maxKept = 50_000;

interface Counts {
  index: number;
  current: number;
  previous: number;
}

/** Counts in this process, and answers at once. @internal */
export class MemoryRateCounter implements RateCounter {
  readonly #counts = new Map<string, Counts>();
  readonly #now: () => number;

  /** @param now - Time in ms; default: the system's. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  take(question: RateQuestion): RateGrant {
    const { key, windowMs } = question;
    const now = this.#now();
    const index = Math.floor(now / windowMs);
    const counts = this.#counts.get(key);
    if (counts === undefined) {
      const grant = rateGrant(question, { current: 0, previous: 0, elapsedMs: now - index * windowMs });
      if (grant.granted > 0) this.#keep(key, { index, current: grant.granted, previous: 0 });
      return grant;
    }
    if (counts.index !== index) {
      counts.previous = counts.index === index - 1 ? counts.current : 0;
      counts.current = 0;
      counts.index = index;
    }
    const grant = rateGrant(question, { ...counts, elapsedMs: now - index * windowMs });
    counts.current += grant.granted;
    return grant;
  }

  #keep(key: string, counts: Counts): void {
    if (this.#counts.size >= maxKept) this.#makeRoom(counts.index);
    this.#counts.set(key, counts);
  }

  #makeRoom(index: number): void {
    for (const [key, counts] of this.#counts) if (counts.index < index - 1) this.#counts.delete(key);
    for (const key of this.#counts.keys()) {
      if (this.#counts.size < maxKept * 0.9) return;
      this.#counts.delete(key);
    }
  }
}
