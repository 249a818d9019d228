import type { LatencySketch, LatencySummary, MeanEstimate, VariantMetrics } from '@hotswap/core';
import { sketchQuantileMs } from '@hotswap/core';

/** Sums over the buckets of a window, as {@link summingSample} selects them. @internal */
export interface MetricSums {
  readonly calls: number;
  readonly errors: number;
  readonly crashes: number;
  readonly latencySumMs: number;
  readonly latencySumSquaresMs2: number;
  readonly peakMemoryBytes: number;
  readonly memoryRefusals: number;
  readonly latencyBuckets: LatencySketch | null;
  /** All buckets with calls: the sums that a counter is held against. */
  readonly reports: number;
  readonly callsSquares: number;
  readonly cpu: RatioSums | null;
  readonly fuel: RatioSums | null;
  /** By name: sum, sum of squares, sum of products with calls. */
  readonly counters: Readonly<Record<string, readonly [sum: number, squares: number, products: number]>> | null;
  /** By name: sum of values and their number. */
  readonly gauges: Readonly<Record<string, readonly [sum: number, count: number]>> | null;
}

/** What the ratio of a quantity to calls, and its spread between reports, is made of. */
interface RatioSums {
  readonly reports: number;
  readonly sum: number;
  readonly squares: number;
  readonly products: number;
  readonly calls: number;
  readonly callsSquares: number;
}

const ratio = (column: string): string => `
  case when count(${column}) = 0 then null else json_build_object('reports', count(${column}), 'sum', sum(${column}), 'squares', sum(${column} ^ 2),
    'products', sum(${column} * calls), 'calls', (sum(calls) filter (where ${column} is not null))::float8,
    'callsSquares', sum(calls::float8 ^ 2) filter (where ${column} is not null)) end`;

/** Selects {@link MetricSums} from rows of `call_metrics` that a common table `sample` holds. @internal */
export const summingSample: string = `
select coalesce(sum(calls), 0)::float8 as calls, coalesce(sum(errors), 0)::float8 as errors, coalesce(sum(crashes), 0)::float8 as crashes,
  coalesce(sum(latency_sum_ms), 0) as "latencySumMs", coalesce(sum(latency_sum_squares_ms2), 0) as "latencySumSquaresMs2",
  coalesce(max(peak_memory_bytes), 0)::float8 as "peakMemoryBytes", coalesce(sum(memory_refusals), 0)::float8 as "memoryRefusals",
  count(*) filter (where calls > 0)::float8 as reports, coalesce(sum(calls::float8 ^ 2), 0) as "callsSquares",
  ${ratio('cpu_ms')} as cpu, ${ratio('fuel_used')} as fuel,
  (select json_object_agg(bucket, total) from (
    select key as bucket, sum(value::bigint)::float8 as total from sample, jsonb_each_text(latency_buckets) group by key) b) as "latencyBuckets",
  (select json_object_agg(name, totals) from (
    select key as name, json_build_array(sum(value::float8), sum(value::float8 ^ 2), sum(value::float8 * calls)) as totals
    from sample, jsonb_each_text(counters) group by key) n) as counters,
  (select json_object_agg(s.name, json_build_array(s.total, c.total)) from
    (select key as name, sum(value::float8) as total from sample, jsonb_each_text(gauge_sums) group by key) s
    join (select key as name, sum(value::float8) as total from sample, jsonb_each_text(gauge_counts) group by key) c using (name)) as gauges
from sample`;

/** Reports from which on their spread says something about the mean. */
const fewestReports = 30;

/** What a window comes to. @internal */
export function toVariantMetrics(sums: MetricSums | undefined): VariantMetrics {
  const samples = sums?.calls ?? 0;
  const percent = (count: number): number | null => (samples === 0 ? null : (100 * count) / samples);
  const cpu = perCall(sums?.cpu);
  const fuel = perCall(sums?.fuel);
  return {
    samples,
    errorRatePercent: percent(sums?.errors ?? 0),
    crashRatePercent: percent(sums?.crashes ?? 0),
    latency: sums && samples > 0 ? summariseLatency(sums) : null,
    peakMemoryBytes: sums && sums.peakMemoryBytes > 0 ? sums.peakMemoryBytes : null,
    memoryRefusals: sums?.memoryRefusals ?? 0,
    cpuMsPerCall: cpu?.mean ?? null,
    ...(cpu ? { cpuVarianceOfMean: cpu.varianceOfMean } : {}),
    fuelPerCall: fuel?.mean ?? null,
    ...(fuel ? { fuelVarianceOfMean: fuel.varianceOfMean } : {}),
    custom: sums ? customOf(sums) : {},
  };
}

function customOf({ calls, callsSquares, reports, counters, gauges }: MetricSums): Record<string, MeanEstimate> {
  const custom: Record<string, MeanEstimate> = {};
  for (const [name, [sum, squares, products]] of Object.entries(counters ?? {})) {
    const estimate = perCall({ reports, sum, squares, products, calls, callsSquares });
    if (estimate) custom[name] = estimate;
  }
  // Readings of a gauge follow one another, so their spread says nothing about their mean.
  for (const [name, [sum, count]] of Object.entries(gauges ?? {}))
    custom[name] = { count, mean: sum / count, varianceOfMean: null };
  return custom;
}

/**
 * A quantity per call with the variance of that ratio, from how it differs between reports (delta method). Calls within a
 * report may depend on each other; reports are what counts as independent.
 */
function perCall(sums: RatioSums | null | undefined): MeanEstimate | null {
  if (!sums || sums.calls === 0) return null;
  const { reports, sum, squares, products, calls, callsSquares } = sums;
  const mean = sum / calls;
  const residuals = Math.max(0, squares - 2 * mean * products + mean ** 2 * callsSquares);
  const isKnown = reports >= fewestReports;
  const varianceOfMean = isKnown ? ((residuals / calls ** 2) * reports) / (reports - 1) : null;
  return { count: reports, mean, varianceOfMean };
}

function summariseLatency({ calls, latencySumMs, latencySumSquaresMs2, latencyBuckets }: MetricSums): LatencySummary {
  const averageMs = latencySumMs / calls;
  // Differences of large sums can come out a little below zero.
  const varianceMs2 = calls > 1 ? Math.max(0, (latencySumSquaresMs2 - calls * averageMs ** 2) / (calls - 1)) : 0;
  const buckets = latencyBuckets ?? {};
  const quantile = (q: number): number => sketchQuantileMs(buckets, q) ?? averageMs;
  return { averageMs, varianceMs2, p50Ms: quantile(0.5), p95Ms: quantile(0.95), p99Ms: quantile(0.99), buckets };
}
