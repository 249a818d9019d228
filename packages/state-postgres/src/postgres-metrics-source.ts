import {
  sketchQuantileMs,
  type LatencySketch,
  type LatencySummary,
  type MetricsSource,
  type VariantMetrics,
} from '@hotswap/core';
import { statement, type Session } from './database/session.ts';
import { toMultirange } from './queries/node-ranges.ts';

interface Sums {
  readonly calls: number;
  readonly errors: number;
  readonly crashes: number;
  readonly latencySumMs: number;
  readonly latencySumSquaresMs2: number;
  readonly peakMemoryBytes: number;
  readonly memoryRefusals: number;
  readonly latencyBuckets: LatencySketch | null;
}

/** `releases` yields the `release_id` of each target `t`. A window begins with the second that `since` is in. */
const summing = (releases: string): string => `
with sample as (
  select c.* from deployment_targets t ${releases}
  join call_metrics c on c.node_id = t.node_id and c.release_id = v.release_id and c.module_name = $3 and c.tenant = $1
    and c.bucket_at >= date_trunc('second', $5::timestamptz)
  where t.tenant = $1 and t.deployment_id = $2 and t.position <@ $4::int4multirange
)
select coalesce(sum(calls), 0)::float8 as calls, coalesce(sum(errors), 0)::float8 as errors, coalesce(sum(crashes), 0)::float8 as crashes,
  coalesce(sum(latency_sum_ms), 0) as "latencySumMs", coalesce(sum(latency_sum_squares_ms2), 0) as "latencySumSquaresMs2",
  coalesce(max(peak_memory_bytes), 0)::float8 as "peakMemoryBytes", coalesce(sum(memory_refusals), 0)::float8 as "memoryRefusals",
  (select json_object_agg(bucket, total) from (
    select key as bucket, sum(value::bigint)::float8 as total from sample, jsonb_each_text(latency_buckets) group by key) b) as "latencyBuckets"
from sample`;

const readRelease = statement('metrics_release', summing('join (select $6::text as release_id) v on true'));
const readBaseline = statement(
  'metrics_baseline',
  summing('join deployment_baselines v on v.deployment_id = t.deployment_id and v.position = t.position'),
);

const deleteOld = statement(
  'metrics_delete',
  `
delete from call_metrics where bucket_at < clock_timestamp() - $1::float8 * interval '1 millisecond'`,
);

/**
 * Sums what agents have reported, in buckets of one second.
 * @public
 */
export class PostgresMetricsSource implements MetricsSource {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async read(query: Parameters<MetricsSource['read']>[0]): Promise<VariantMetrics> {
    const about = [
      query.tenant,
      query.deploymentId,
      query.moduleName,
      toMultirange(query.nodes),
      new Date(query.since),
    ];
    const rows =
      query.variant === 'baseline'
        ? await this.#session.query<Sums>(readBaseline, about)
        : await this.#session.query<Sums>(readRelease, [...about, query.variant]);
    return toMetrics(rows[0]);
  }

  /** Deletes buckets older than `retentionMs`, which has to exceed the longest evaluation period. Returns their number. */
  async deleteOlderThan(retentionMs: number): Promise<number> {
    return this.#session.execute(deleteOld, [retentionMs]);
  }
}

function toMetrics(sums: Sums | undefined): VariantMetrics {
  const samples = sums?.calls ?? 0;
  const percent = (count: number): number | null => (samples === 0 ? null : (100 * count) / samples);
  return {
    samples,
    errorRatePercent: percent(sums?.errors ?? 0),
    crashRatePercent: percent(sums?.crashes ?? 0),
    latency: sums && samples > 0 ? summariseLatency(sums) : null,
    peakMemoryBytes: sums && sums.peakMemoryBytes > 0 ? sums.peakMemoryBytes : null,
    memoryRefusals: sums?.memoryRefusals ?? 0,
    cpuMsPerCall: null,
    fuelPerCall: null,
    custom: {},
  };
}

function summariseLatency({ calls, latencySumMs, latencySumSquaresMs2, latencyBuckets }: Sums): LatencySummary {
  const averageMs = latencySumMs / calls;
  // Differences of large sums can come out a little below zero.
  const varianceMs2 = calls > 1 ? Math.max(0, (latencySumSquaresMs2 - calls * averageMs ** 2) / (calls - 1)) : 0;
  const quantile = (q: number): number => sketchQuantileMs(latencyBuckets ?? {}, q) ?? averageMs;
  return { averageMs, varianceMs2, p50Ms: quantile(0.5), p95Ms: quantile(0.95), p99Ms: quantile(0.99) };
}
