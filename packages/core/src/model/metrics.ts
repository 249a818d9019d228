/**
 * What is known of one release's calls over some nodes and a window of time.
 * Rates are percent of admitted calls (D-11): crash = trap, limit or timeout; error = crash, a 5xx, a command's exit
 * that is not 0, or an `err` result.
 * @public
 */
export interface VariantMetrics {
  /** Admitted calls in the window. With 0 every rate and latency is `null`: unknown is not zero. */
  readonly samples: number;
  readonly errorRatePercent: number | null;
  readonly crashRatePercent: number | null;
  readonly latency: LatencySummary | null;
  /** Largest memory of a single instance in bytes; `null` when no node has reported it. */
  readonly peakMemoryBytes: number | null;
  /** Growths of memory that a limit refused. Any is "memory over its limit" (D-13). */
  readonly memoryRefusals: number;
}

/**
 * Latency of admitted calls in milliseconds; quantiles come from a mergeable sketch with 5 % relative error.
 * @public
 */
export interface LatencySummary {
  readonly averageMs: number;
  /** Variance of single calls in ms², for significance tests. */
  readonly varianceMs2: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Names under which metrics appear in triggers and winner criteria. @public */
export const metricNames = [
  'error_rate',
  'crash_rate',
  'avg_latency_ms',
  'p50_latency_ms',
  'p95_latency_ms',
  'p99_latency_ms',
  'peak_memory_mb',
  'memory_refusals',
] as const;

/** @see {@link metricNames} @public */
export type MetricName = (typeof metricNames)[number];

/**
 * Reads a metric by its name; `null` when the window holds no samples for it.
 * @public
 */
export function metricValue(metrics: VariantMetrics, name: MetricName): number | null {
  switch (name) {
    case 'error_rate':
      return metrics.errorRatePercent;
    case 'crash_rate':
      return metrics.crashRatePercent;
    case 'avg_latency_ms':
      return metrics.latency?.averageMs ?? null;
    case 'p50_latency_ms':
      return metrics.latency?.p50Ms ?? null;
    case 'p95_latency_ms':
      return metrics.latency?.p95Ms ?? null;
    case 'p99_latency_ms':
      return metrics.latency?.p99Ms ?? null;
    case 'peak_memory_mb':
      return metrics.peakMemoryBytes === null ? null : metrics.peakMemoryBytes / 1_048_576;
    case 'memory_refusals':
      return metrics.memoryRefusals;
  }
}
