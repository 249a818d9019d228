import type { MetricsQuestion, MetricsSource, VariantMetrics } from '@hotswap/core';
import { statement, type Session } from './database/session.ts';
import { summingSample, toVariantMetrics, type MetricSums } from './queries/metric-sums.ts';
import { toMultirange } from './queries/node-ranges.ts';
import { deleteOldMetrics, rollUpMetrics } from './queries/roll-up-metrics.ts';

/** `releases` yields the `release_id` of each target `t`. A window begins with the second that `since` is in. */
const summing = (releases: string): string => `
with sample as materialized (
  select c.* from deployment_targets t ${releases}
  join call_metrics c on c.node_id = t.node_id and c.release_id = v.release_id and c.module_name = $3 and c.tenant = $1
    and c.bucket_at >= date_trunc('second', $5::timestamptz)
  where t.tenant = $1 and t.deployment_id = $2 and t.position <@ $4::int4multirange
)${summingSample}`;

const readRelease = statement('metrics_release', summing('join (select $6::text as release_id) v on true'));
const readBaseline = statement(
  'metrics_baseline',
  summing('join deployment_baselines v on v.deployment_id = t.deployment_id and v.position = t.position'),
);
const rollUp = statement('metrics_roll_up', rollUpMetrics);
const deleteOld = statement('metrics_delete', deleteOldMetrics);

/**
 * Sums what agents have reported, in buckets of one second that are joined as they age.
 * @public
 */
export class PostgresMetricsSource implements MetricsSource {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async read(question: MetricsQuestion): Promise<VariantMetrics> {
    const { tenant, deploymentId, moduleName, variant, nodes, since } = question;
    const about = [tenant, deploymentId, moduleName, toMultirange(nodes), new Date(since)];
    const [sums] =
      variant === 'baseline'
        ? await this.#session.query<MetricSums>(readBaseline, about)
        : await this.#session.query<MetricSums>(readRelease, [...about, variant]);
    return toVariantMetrics(sums);
  }

  /**
   * Joins buckets older than `olderThanMs` into ones of `spanSeconds`, for each release on each node. Windows of deployments
   * that still move sum up to the same as before. Any number of servers may do so at once.
   */
  async rollUp(olderThanMs: number, spanSeconds: number): Promise<{ readonly before: number; readonly after: number }> {
    const [counts] = await this.#session.query<{ before: number; after: number }>(rollUp, [olderThanMs, spanSeconds]);
    return counts ?? { before: 0, after: 0 };
  }

  /**
   * Deletes buckets older than `retentionMs`, except those that a deployment which still moves, or can be taken back,
   * reaches back to. Returns their number.
   */
  async deleteOlderThan(retentionMs: number): Promise<number> {
    return this.#session.execute(deleteOld, [retentionMs]);
  }
}
