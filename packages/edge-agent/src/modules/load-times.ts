import { latencyBucket } from '@hotswap/core';

/** How long releases took to become ready, as heartbeats carry it. @internal */
export interface LoadDurations {
  readonly sumMs: number;
  readonly buckets: Readonly<Record<string, number>>;
}

/** Counts loads between two reports, and for good. @internal */
export class LoadTimes {
  #sumMs = 0;
  #buckets: Record<string, number> = {};
  #failures = 0;
  #onLoaded: ((durations: LoadDurations) => void) | undefined;

  /** Loads that failed since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** Has every load told to whoever sums them up. */
  follow(onLoaded: (durations: LoadDurations) => void): void {
    this.#onLoaded = onLoaded;
  }

  /** Performs a load and takes its time. */
  async measure<T>(load: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    try {
      const result = await load();
      this.#loaded(performance.now() - startedMs);
      return result;
    } catch (error) {
      this.#failures++;
      throw error;
    }
  }

  /** What came since the last time; `undefined` when nothing did. */
  take(): LoadDurations | undefined {
    if (Object.keys(this.#buckets).length === 0) return undefined;
    const taken = { sumMs: this.#sumMs, buckets: this.#buckets };
    this.#sumMs = 0;
    this.#buckets = {};
    return taken;
  }

  #loaded(durationMs: number): void {
    const bucket = latencyBucket(durationMs);
    this.#sumMs += durationMs;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#onLoaded?.({ sumMs: durationMs, buckets: { [bucket]: 1 } });
  }
}
