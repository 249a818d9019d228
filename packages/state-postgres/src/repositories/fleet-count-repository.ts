import { statement, type Session } from '../database/session.ts';
import { holdingStatuses, movingStatuses } from '../queries/deployment-statuses.ts';

/** How many of each there are, over all tenants. @public */
export interface FleetCounts {
  readonly nodes: readonly {
    readonly region: string;
    readonly status: 'Healthy' | 'Degraded' | 'Unhealthy' | 'Disabled';
    readonly count: number;
  }[];
  /** Deployments that have not ended, by status. */
  readonly deployments: readonly { readonly status: string; readonly count: number }[];
  /** Deployments without progress for longer than their running effect explains. */
  readonly stuck: number;
  readonly modules: number;
  /** Module names that are served. */
  readonly routes: number;
}

/** One reading for everything, so that a scrape is one round trip. `$1`: milliseconds of silence that make a node Unhealthy. */
const read = statement(
  'fleet_counts',
  `
select 'node' as kind, n.region as name,
  case
    when not n.is_enabled then 'Disabled'
    when h.last_heartbeat_at is null or h.last_heartbeat_at < clock_timestamp() - $1::float8 * interval '1 millisecond' then 'Unhealthy'
    when exists (select 1 from observations o where o.tenant = n.tenant and o.node_id = n.node_id and o.state = 'failed') then 'Degraded'
    else 'Healthy'
  end as status, count(*)::float8 as count
from nodes n left join node_heartbeats h on h.tenant = n.tenant and h.node_id = n.node_id
group by 2, 3
union all
select 'deployment', '', status, count(*)::float8 from deployments where status in ${holdingStatuses} group by status
union all
select 'stuck', '', '', count(*)::float8 from deployments where status in ${movingStatuses} and stuck_at < clock_timestamp()
union all
select 'modules', '', '', count(*)::float8 from modules
union all
select 'routes', '', '', count(*)::float8 from (select distinct tenant, module_name from assignments where weight > 0) served`,
);

/**
 * Counts for metrics.
 * @public
 */
export class FleetCountRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** `unhealthyAfterMs`: silence that makes a node Unhealthy. */
  async read(unhealthyAfterMs: number): Promise<FleetCounts> {
    const rows = await this.#session.query<{ kind: string; name: string; status: string; count: number }>(read, [
      unhealthyAfterMs,
    ]);
    const of = (kind: string): typeof rows => rows.filter((row) => row.kind === kind);
    const one = (kind: string): number => of(kind)[0]?.count ?? 0;
    return {
      nodes: of('node').map(({ name: region, status, count }) => ({
        region,
        status: status as FleetCounts['nodes'][number]['status'],
        count,
      })),
      deployments: of('deployment').map(({ status, count }) => ({ status, count })),
      stuck: one('stuck'),
      modules: one('modules'),
      routes: one('routes'),
    };
  }
}
