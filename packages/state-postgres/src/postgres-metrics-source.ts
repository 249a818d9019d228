import type { MetricsQuestion, MetricsSource, ReleaseId, VariantMetrics } from '@hotswap/core';
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
const readOfNode = statement(
  'metrics_of_node',
  `
select r.module_name as "moduleName", r.release_id as "releaseId", sums.*
from (select distinct module_name, release_id from call_metrics where tenant = $1 and node_id = $2 and bucket_at >= clock_timestamp() - $3::float8 * interval '1 millisecond') r
cross join lateral (
  with sample as materialized (
    select c.* from call_metrics c
    where c.tenant = $1 and c.node_id = $2 and c.module_name = r.module_name and c.release_id = r.release_id
      and c.bucket_at >= clock_timestamp() - $3::float8 * interval '1 millisecond'
  )${summingSample}
) sums
order by r.module_name, r.release_id`,
);
const rollUp = statement('metrics_roll_up', rollUpMetrics);
const deleteOld = statement('metrics_delete', deleteOldMetrics);

/** One release's calls on one node. @public */
export interface NodeReleaseMetrics {
  readonly moduleName: string;
  readonly releaseId: ReleaseId;
  readonly metrics: VariantMetrics;
}

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

  /** What calls experienced on one node within the last `windowMs`, by module and release. */
  async ofNode(tenant: string, nodeId: string, windowMs: number): Promise<readonly NodeReleaseMetrics[]> {
    type Row = MetricSums & Pick<NodeReleaseMetrics, 'moduleName' | 'releaseId'>;
    const rows = await this.#session.query<Row>(readOfNode, [tenant, nodeId, windowMs]);
    return rows.map((row) => ({
      moduleName: row.moduleName,
      releaseId: row.releaseId,
      metrics: toVariantMetrics(row),
    }));
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
