import type { HttpVersionStats, ReleaseCallDelta } from '@hotswap/core';

/** Requests of one release since the last time. @internal */
export type HttpCalls = Omit<ReleaseCallDelta, 'peakMemoryBytes' | 'memoryRefusals'>;

/**
 * Turns the counters of requests that a runtime answers by itself, which only ever grow, into what came since the last
 * time. An answer of 500 and above is an error, and so is one that was cut; a trap is a crash, and so is the end by a
 * time limit (D-11).
 * @internal
 */
export class HttpCallCounts {
  readonly #read: () => readonly HttpVersionStats[];
  /** By slot and version. */
  #seen = new Map<string, HttpVersionStats>();

  constructor(read: () => readonly HttpVersionStats[]) {
    this.#read = read;
  }

  take(): readonly HttpCalls[] {
    const seen = new Map<string, HttpVersionStats>();
    const calls = this.#read().flatMap((now) => {
      const key = JSON.stringify([now.slot, now.version]);
      seen.set(key, now);
      return callsSince(now, this.#seen.get(key));
    });
    this.#seen = seen;
    return calls;
  }
}

function callsSince(now: HttpVersionStats, before: HttpVersionStats | undefined): readonly HttpCalls[] {
  const since = (read: (stats: HttpVersionStats) => number): number => {
    const [value, base] = [read(now), before === undefined ? 0 : read(before)];
    // A version that left and came back counts anew.
    return value >= base ? value - base : value;
  };
  const calls = since(answered);
  if (calls === 0) return [];
  return [
    {
      moduleName: now.slot,
      releaseId: now.version,
      calls,
      errors: Math.min(
        calls,
        since(({ status5xx, cut }) => status5xx + cut),
      ),
      crashes: Math.min(
        calls,
        since(({ traps, timeouts }) => traps + timeouts),
      ),
      latencySumMs: since(({ latencySumMs }) => latencySumMs),
      latencySumSquaresMs2: since(({ latencySumSquaresMs2 }) => latencySumSquaresMs2),
      latencyBuckets: bucketsSince(now, before),
    },
  ];
}

function answered({ status2xx, status3xx, status4xx, status5xx }: HttpVersionStats): number {
  return status2xx + status3xx + status4xx + status5xx;
}

function bucketsSince(now: HttpVersionStats, before: HttpVersionStats | undefined): Readonly<Record<string, number>> {
  const buckets: Record<string, number> = {};
  for (const [bucket, count] of Object.entries(now.latency)) {
    const base = before?.latency[bucket] ?? 0;
    const came = count >= base ? count - base : count;
    if (came > 0) buckets[bucket] = came;
  }
  return buckets;
}
