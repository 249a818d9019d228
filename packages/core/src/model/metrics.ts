import { z } from 'zod';
import type { LatencySketch } from './latency-sketch.ts';

/**
 * A mean over many observations, with what is known of its own uncertainty.
 * @public
 */
export interface MeanEstimate {
  /** Observations that the mean is of: node reports for what modules report, 1 for the answer of an outside source. */
  readonly count: number;
  readonly mean: number;
  /** Variance of the mean itself, not of single observations; `null` when it is not known: then no test can be made. */
  readonly varianceOfMean: number | null;
}

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
  /** Processor time per admitted call in milliseconds; `null` when no node meters it or there were no calls. */
  readonly cpuMsPerCall: number | null;
  /** Variance of the mean `cpuMsPerCall`. Absent or `null`: not known. */
  readonly cpuVarianceOfMean?: number | null;
  /** Fuel per admitted call; `null` when the module's fuel is not metered or there were no calls. */
  readonly fuelPerCall: number | null;
  /** Variance of the mean `fuelPerCall`. Absent or `null`: not known. */
  readonly fuelVarianceOfMean?: number | null;
  /**
   * Business metrics by the name under which modules report them (labels included: `orders{kind="new"}`), and answers of
   * outside sources. Counters are per admitted call, gauges the mean of what was reported.
   */
  readonly custom: Readonly<Record<string, MeanEstimate>>;
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
  /** The sketch that the quantiles are from, for confidence intervals of quantiles. Absent: not known. */
  readonly buckets?: LatencySketch;
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
  'cpu_ms_per_call',
  'fuel_per_call',
] as const;

/** One of {@link metricNames}, or `custom:` and the name of a business metric or of an outside source's answer. @public */
export type MetricName = (typeof metricNames)[number] | `custom:${string}`;

/** Reads the name of a metric. @public */
export const metricNameSchema: z.ZodType<MetricName, unknown> = z.union([
  z.enum(metricNames),
  z.templateLiteral(['custom:', z.string().min(1).max(1_500)]),
]);

/** The name that a business metric has in `custom`; `null` for the metrics that every module has. @public */
export function customMetricName(name: MetricName): string | null {
  return name.startsWith('custom:') ? name.slice('custom:'.length) : null;
}

/** What is known of a variant that got no call. @public */
export const noMetrics: VariantMetrics = {
  samples: 0,
  errorRatePercent: null,
  crashRatePercent: null,
  latency: null,
  peakMemoryBytes: null,
  memoryRefusals: 0,
  cpuMsPerCall: null,
  fuelPerCall: null,
  custom: {},
};

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
    case 'cpu_ms_per_call':
      return metrics.cpuMsPerCall;
    case 'fuel_per_call':
      return metrics.fuelPerCall;
    default:
      return customOf(metrics, name)?.mean ?? null;
  }
}

function customOf(metrics: VariantMetrics, name: MetricName): MeanEstimate | undefined {
  const key = customMetricName(name);
  return key !== null && Object.hasOwn(metrics.custom, key) ? metrics.custom[key] : undefined;
}

/**
 * The mean behind a metric with its uncertainty; `null` for what is no mean (quantiles, peaks, counts) and for what was
 * not measured.
 * @public
 */
export function metricMean(metrics: VariantMetrics, name: MetricName): MeanEstimate | null {
  const { samples, latency } = metrics;
  switch (name) {
    case 'avg_latency_ms':
      return latency && { count: samples, mean: latency.averageMs, varianceOfMean: latency.varianceMs2 / samples };
    case 'cpu_ms_per_call':
      return estimate(samples, metrics.cpuMsPerCall, metrics.cpuVarianceOfMean);
    case 'fuel_per_call':
      return estimate(samples, metrics.fuelPerCall, metrics.fuelVarianceOfMean);
    default:
      return customOf(metrics, name) ?? null;
  }
}

const estimate = (
  count: number,
  mean: number | null,
  varianceOfMean: number | null | undefined,
): MeanEstimate | null => (mean === null ? null : { count, mean, varianceOfMean: varianceOfMean ?? null });

/**
 * The metrics without what is no number: a source that answers NaN or infinity has not measured it, and must not be able
 * to say that a release is well.
 * @public
 */
export function onlyFinite(metrics: VariantMetrics): VariantMetrics {
  const finite = (value: number | null | undefined): number | null =>
    typeof value === 'number' && Number.isFinite(value) ? value : null;
  const { latency, cpuVarianceOfMean, fuelVarianceOfMean } = metrics;
  const { buckets: _buckets, ...figures } = latency ?? { buckets: undefined };
  const custom = Object.entries(metrics.custom ?? {}).filter(([, { mean }]) => finite(mean) !== null);
  return {
    samples: Math.max(0, finite(metrics.samples) ?? 0),
    errorRatePercent: finite(metrics.errorRatePercent),
    crashRatePercent: finite(metrics.crashRatePercent),
    latency: latency && Object.values(figures).every(Number.isFinite) ? latency : null,
    peakMemoryBytes: finite(metrics.peakMemoryBytes),
    memoryRefusals: finite(metrics.memoryRefusals) ?? 0,
    cpuMsPerCall: finite(metrics.cpuMsPerCall),
    ...(cpuVarianceOfMean === undefined ? {} : { cpuVarianceOfMean: finite(cpuVarianceOfMean) }),
    fuelPerCall: finite(metrics.fuelPerCall),
    ...(fuelVarianceOfMean === undefined ? {} : { fuelVarianceOfMean: finite(fuelVarianceOfMean) }),
    custom: Object.fromEntries(
      custom.map(([name, { count, mean, varianceOfMean }]) => [
        name,
        { count, mean, varianceOfMean: finite(varianceOfMean) },
      ]),
    ),
  };
}
