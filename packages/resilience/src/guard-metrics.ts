import { latencyBucket, sketchQuantileMs, type ModuleStats } from '@hotswap/core';
import type { BreakerState, GuardObservation } from './guard-options.ts';

/** Figures of a guarded module since it was guarded. @public */
export interface GuardMetrics {
  readonly breakerState: BreakerState;
  readonly isEnabled: boolean;
  /** Calls that have ended, whoever answered them. */
  readonly callsTotal: number;
  /** Answered by the module. */
  readonly successTotal: number;
  /** Calls in which the module failed, as `isFailure` has it. Mistakes of callers and `err` results are neither this nor successes. */
  readonly failureTotal: number;
  /** Answered by the fallback. */
  readonly fallbackTotal: number;
  /** Calls for which the module was not asked: breaker open, or switched off. */
  readonly skippedTotal: number;
  /** `successTotal` of successes and failures, 0-1; `null` before the first. */
  readonly successRate: number | null;
  /** Time that loading took; `null` while it is not loaded, or when it came loaded. */
  readonly coldStartTimeMs: number | null;
  /** Time of the module's own attempts that succeeded or failed. */
  readonly moduleTimeMs: {
    readonly sum: number;
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  /** Most memory that an instance has had, in pages of 64 KiB; `null` while it is not loaded. */
  readonly peakMemoryPages: number | null;
  /** Times that a guest was refused more memory. */
  readonly growFailedTotal: number | null;
}

/** Counts calls for {@link GuardMetrics}. @internal */
export class GuardCounters {
  #calls = 0;
  #successes = 0;
  #failures = 0;
  #fallbacks = 0;
  #skipped = 0;
  #sumMs = 0;
  readonly #sketch: Record<string, number> = {};

  count({ origin, moduleMs }: GuardObservation, wasAsked: boolean, hasFailed: boolean): void {
    this.#calls++;
    if (origin === 'module') this.#successes++;
    if (origin === 'fallback') this.#fallbacks++;
    if (!wasAsked) {
      this.#skipped++;
      return;
    }
    if (origin !== 'module' && !hasFailed) return;
    if (hasFailed) this.#failures++;
    this.#sumMs += moduleMs;
    const bucket = latencyBucket(moduleMs);
    this.#sketch[bucket] = (this.#sketch[bucket] ?? 0) + 1;
  }

  snapshot(): Omit<
    GuardMetrics,
    'breakerState' | 'isEnabled' | 'coldStartTimeMs' | 'peakMemoryPages' | 'growFailedTotal'
  > {
    const asked = this.#successes + this.#failures;
    const quantile = (q: number): number | null => sketchQuantileMs(this.#sketch, q);
    return {
      callsTotal: this.#calls,
      successTotal: this.#successes,
      failureTotal: this.#failures,
      fallbackTotal: this.#fallbacks,
      skippedTotal: this.#skipped,
      successRate: asked === 0 ? null : this.#successes / asked,
      moduleTimeMs: { sum: this.#sumMs, p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) },
    };
  }
}

/** Memory figures of a module's own counters. @internal */
export function memoryMetrics(stats: ModuleStats | null): Pick<GuardMetrics, 'peakMemoryPages' | 'growFailedTotal'> {
  return {
    peakMemoryPages: stats && Math.ceil(stats.peakMemoryBytes / 65_536),
    growFailedTotal: stats && stats.memoryRefusals,
  };
}
