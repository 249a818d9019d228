import type { DeploymentId, ObservedState, ReleaseCallDelta } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { toJsonb } from '../database/to-jsonb.ts';
import { boundedDelta, boundedInteger, boundedMeasure, mapNumbers } from '../queries/bounded-report.ts';
import { movingStatuses } from '../queries/deployment-statuses.ts';
import { heartbeatIntervals } from './desired-state-repository.ts';

/** A node's report as it came in. @public */
export interface HeartbeatReport {
  readonly nodeId: string;
  /** Made at each start of the agent; another one takes the session over. */
  readonly bootId: string;
  /** Rises with each new report of a boot; the same number again is the same report again. */
  readonly sequence: number;
  readonly observed: ObservedState;
  readonly metrics: readonly ReleaseCallDelta[];
  readonly resources: {
    readonly cpuUsagePercent: number;
    readonly memoryUsageMB: number;
    readonly modulesLoaded: number;
  };
}

/** What became of a report. @public */
export interface HeartbeatOutcome {
  readonly nodeId: string;
  /**
   * `accepted`; `repeated`: known already, nothing was added; `superseded`: another session of the node has taken over;
   * `unknown`: there is no such node.
   */
  readonly kind: 'accepted' | 'repeated' | 'superseded' | 'unknown';
  /** Generation that the node shall have. */
  readonly generation: number;
  readonly heartbeatIntervalMs: number;
  /** Deployments that move or retain something on the node and may have something to decide now. */
  readonly deployments: readonly DeploymentId[];
  /** Whether anything but numbers has changed since the report before; a start has. */
  readonly changed: boolean;
  /** The node was ahead of the database, which has lost writes: its generation, or a module's epoch, was raised to the node's. */
  readonly raisedFloor: boolean;
}

/**
 * Takes each report that is newer than what is known of its node. A boot that another one has followed never comes back;
 * order is by first report, not by the node's clock.
 */
const accept = `
input as (
  select * from jsonb_to_recordset($2::jsonb) as i (node_id text, boot_id text, sequence bigint, generation bigint, cpu float8, memory float8, modules int, held text[])
),
before as (
  select h.node_id, h.observed_generation, h.boot_id from node_heartbeats h join input i on h.tenant = $1 and h.node_id = i.node_id
),
accepted as (
  insert into node_heartbeats as h (tenant, node_id, boot_id, sequence, observed_generation, cpu_usage_percent, memory_usage_mb, modules_loaded, last_heartbeat_at,
    boots_at)
  select $1, i.node_id, i.boot_id, i.sequence, i.generation, i.cpu, i.memory, i.modules, clock_timestamp(), array[clock_timestamp()]
  from input i join nodes n on n.tenant = $1 and n.node_id = i.node_id
  order by i.node_id
  on conflict (tenant, node_id) do update set
    superseded_boot_ids = case when h.boot_id = excluded.boot_id then h.superseded_boot_ids else (h.boot_id || h.superseded_boot_ids)[1:20] end,
    boots_at = case when h.boot_id = excluded.boot_id then h.boots_at else (excluded.boots_at || h.boots_at)[1:21] end,
    boot_id = excluded.boot_id, sequence = excluded.sequence, observed_generation = excluded.observed_generation,
    cpu_usage_percent = excluded.cpu_usage_percent, memory_usage_mb = excluded.memory_usage_mb, modules_loaded = excluded.modules_loaded,
    last_heartbeat_at = excluded.last_heartbeat_at
  where case when h.boot_id = excluded.boot_id then excluded.sequence > h.sequence else excluded.boot_id <> all (h.superseded_boot_ids) end
  returning node_id, observed_generation
)`;

const observedColumns = [
  'state',
  'error_code',
  'error_message',
  'health_round',
  'health_state',
  'consecutive_successes',
  'consecutive_failures',
  'health_message',
];
const listed = (prefix: string): string => observedColumns.map((column) => `${prefix}${column}`).join(', ');

const observe = `
observed as (
  select o.* from jsonb_to_recordset($3::jsonb) as o (node_id text, module_name text, release_id text, state text, error_code text, error_message text,
    health_round text, health_state text, consecutive_successes int, consecutive_failures int, health_message text)
  join accepted using (node_id)
),
written as (
  insert into observations as o (tenant, node_id, module_name, release_id, ${listed('')})
  select $1, node_id, module_name, release_id, ${listed('')} from observed
  on conflict (tenant, node_id, module_name, release_id) do update set (${listed('')}) = row (${listed('excluded.')})
  where (${listed('o.')}) is distinct from (${listed('excluded.')})
  returning node_id
),
gone as (
  delete from observations o using accepted a join input i using (node_id)
  where o.node_id = a.node_id and o.tenant = $1 and o.module_name || '/' || o.release_id <> all (i.held)
  returning o.node_id
)`;

const count = `
counted as (
  insert into call_metrics as c (tenant, module_name, release_id, node_id, bucket_at, calls, errors, crashes, latency_sum_ms, latency_sum_squares_ms2,
    latency_buckets, peak_memory_bytes, memory_refusals, cpu_ms, fuel_used, counters, gauge_sums, gauge_counts)
  select $1, m."moduleName", m."releaseId", m.node_id, date_trunc('second', clock_timestamp()), m.calls, m.errors, m.crashes, m."latencySumMs",
    m."latencySumSquaresMs2", m."latencyBuckets", m."peakMemoryBytes", m."memoryRefusals", m."cpuMs", m."fuelUsed",
    coalesce(m.counters, '{}'), coalesce(m.gauges, '{}'), coalesce(m."gaugeCounts", '{}')
  from jsonb_to_recordset($4::jsonb) as m (node_id text, "moduleName" text, "releaseId" text, calls bigint, errors bigint, crashes bigint,
    "latencySumMs" float8, "latencySumSquaresMs2" float8, "latencyBuckets" jsonb, "peakMemoryBytes" bigint, "memoryRefusals" bigint, "cpuMs" float8, "fuelUsed" float8,
    counters jsonb, gauges jsonb, "gaugeCounts" jsonb)
  join accepted using (node_id)
  on conflict (tenant, module_name, release_id, bucket_at, node_id) do update set
    calls = c.calls + excluded.calls, errors = c.errors + excluded.errors, crashes = c.crashes + excluded.crashes,
    latency_sum_ms = c.latency_sum_ms + excluded.latency_sum_ms, latency_sum_squares_ms2 = c.latency_sum_squares_ms2 + excluded.latency_sum_squares_ms2,
    latency_buckets = hotswap_merge_sketches(c.latency_buckets, excluded.latency_buckets),
    peak_memory_bytes = greatest(c.peak_memory_bytes, excluded.peak_memory_bytes), memory_refusals = c.memory_refusals + excluded.memory_refusals,
    cpu_ms = case when c.cpu_ms is null then excluded.cpu_ms else c.cpu_ms + coalesce(excluded.cpu_ms, 0) end,
    fuel_used = case when c.fuel_used is null then excluded.fuel_used else c.fuel_used + coalesce(excluded.fuel_used, 0) end,
    counters = hotswap_add_sums(c.counters, excluded.counters),
    gauge_sums = hotswap_add_sums(c.gauge_sums, excluded.gauge_sums), gauge_counts = hotswap_add_sums(c.gauge_counts, excluded.gauge_counts)
)`;

const record = statement(
  'heartbeat_record',
  `
with ${accept}, ${observe}, ${count},
altered as (select node_id from written union select node_id from gone),
live as materialized (
  select deployment_id, true as moving from deployments where tenant = $1 and status in ${movingStatuses}
  union all
  select deployment_id, false from deployments where tenant = $1 and status not in ${movingStatuses} and retained_until is not null
),
going as (
  select i.node_id, array_agg(l.deployment_id) as deployments, bool_or(l.moving) as busy
  from input i cross join live l join deployment_targets t on t.deployment_id = l.deployment_id and t.node_id = i.node_id
  group by i.node_id
)
select i.node_id as "nodeId", coalesce(n.generation, 0)::float8 as generation,
  case when n.node_id is null then 'unknown' when a.node_id is not null then 'accepted'
    when b.boot_id <> i.boot_id then 'superseded' else 'repeated' end as kind,
  i.generation > n.generation as ahead, i.generation::float8 as observed,
  b.observed_generation is distinct from i.generation or b.boot_id is distinct from i.boot_id or exists (select 1 from altered x where x.node_id = i.node_id) as changed,
  coalesce(g.busy, false) as busy, coalesce(g.deployments, '{}') as deployments
from input i left join nodes n on n.tenant = $1 and n.node_id = i.node_id
left join accepted a on a.node_id = i.node_id left join before b on b.node_id = i.node_id left join going g on g.node_id = i.node_id`,
);

const raiseFloor = statement(
  'heartbeat_raise_floor',
  `
with raised as (
  update nodes set generation = greatest(generation, $3::bigint) + 1 where tenant = $1 and node_id = $2 returning generation
),
stamped as (
  update deployment_targets t set issued_generation = r.generation, issued_at = clock_timestamp()
  from raised r, deployments d
  where t.tenant = $1 and t.node_id = $2 and t.issued_generation > 0 and d.deployment_id = t.deployment_id
    and (d.status in ${movingStatuses} or d.retained_until is not null)
)
select generation::float8 as generation, pg_notify('hotswap_changes', json_build_object('topic', 'desired', 'tenant', $1::text, 'nodeId', $2::text)::text) from raised`,
);

/** Every node that holds such a module gets it anew, under an epoch that it can accept. */
const raiseEpochs = statement(
  'heartbeat_raise_epochs',
  `
with raised as (
  update routes r set epoch = w.value::bigint from jsonb_each_text($2::jsonb) w
  where r.tenant = $1 and r.module_name = w.key and r.epoch < w.value::bigint returning r.module_name
),
locked as materialized (
  select node_id from nodes where tenant = $1 and node_id in
    (select a.node_id from assignments a where a.tenant = $1 and a.module_name in (select module_name from raised))
  order by node_id for no key update
),
bumped as (
  update nodes n set generation = n.generation + 1 from locked l where n.tenant = $1 and n.node_id = l.node_id
  returning n.node_id, n.generation
),
stamped as (
  update deployment_targets t set issued_generation = b.generation, issued_at = clock_timestamp()
  from bumped b, deployments d
  where t.tenant = $1 and t.node_id = b.node_id and t.issued_generation > 0 and d.deployment_id = t.deployment_id
    and (d.status in ${movingStatuses} or d.retained_until is not null)
)
select node_id as "nodeId", generation::float8 as generation,
  pg_notify('hotswap_changes', json_build_object('topic', 'desired', 'tenant', $1::text, 'nodeId', node_id)::text) from bumped`,
);

interface Recorded {
  readonly nodeId: string;
  readonly generation: number;
  readonly kind: HeartbeatOutcome['kind'];
  readonly ahead: boolean | null;
  readonly observed: number;
  readonly changed: boolean;
  readonly busy: boolean;
  readonly deployments: readonly DeploymentId[];
}

/**
 * Takes in what nodes report.
 * @public
 */
export class HeartbeatRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Stores the reports of nodes of one tenant in one statement: any number, one for each node. The time of a report is
   * the database's. Repeating a call adds nothing. The outcomes are in no particular order.
   */
  async record(tenant: string, reports: readonly HeartbeatReport[]): Promise<readonly HeartbeatOutcome[]> {
    if (reports.length === 0) return [];
    const rows = await recordIn(this.#session, tenant, reports);
    return rows.map(({ nodeId, kind, generation, busy, deployments, changed, raisedFloor }) => ({
      nodeId,
      kind,
      generation,
      deployments,
      raisedFloor,
      changed: kind === 'accepted' && (changed || raisedFloor),
      heartbeatIntervalMs: busy ? heartbeatIntervals.busyMs : heartbeatIntervals.quietMs,
    }));
  }
}

async function recordIn(
  session: Session,
  tenant: string,
  reports: readonly HeartbeatReport[],
): Promise<readonly (Recorded & { readonly raisedFloor: boolean })[]> {
  const rows = await session.query<Recorded>(record, [
    tenant,
    toJsonb(reports.map(toInput)),
    toJsonb(reports.flatMap(toObservations)),
    toJsonb(reports.flatMap(toMetrics)),
  ]);
  const outcomes: (Recorded & { readonly raisedFloor: boolean })[] = [];
  for (const row of rows) {
    if (row.ahead !== true || row.kind !== 'accepted') {
      outcomes.push({ ...row, raisedFloor: false });
      continue;
    }
    const [raised] = await session.query<{ generation: number }>(raiseFloor, [tenant, row.nodeId, row.observed]);
    outcomes.push({ ...row, generation: raised?.generation ?? row.generation, raisedFloor: true });
  }
  return withEpochs(session, tenant, reports, outcomes);
}

/** Nodes refuse a module whose epoch went back, so the highest that any of them has applied is taken over. */
async function withEpochs<Outcome extends Recorded & { readonly raisedFloor: boolean }>(
  session: Session,
  tenant: string,
  reports: readonly HeartbeatReport[],
  outcomes: readonly Outcome[],
): Promise<readonly Outcome[]> {
  const accepted = new Set(outcomes.filter(({ kind }) => kind === 'accepted').map(({ nodeId }) => nodeId));
  const epochs: Record<string, number> = {};
  for (const { nodeId, observed } of reports) {
    if (!accepted.has(nodeId)) continue;
    for (const [moduleName, epoch] of Object.entries(observed.epochs ?? {}))
      epochs[moduleName] = Math.max(epoch, epochs[moduleName] ?? 0);
  }
  if (Object.keys(epochs).length === 0) return outcomes;
  const rows = await session.query<{ nodeId: string; generation: number }>(raiseEpochs, [
    tenant,
    JSON.stringify(epochs),
  ]);
  const generations = new Map(rows.map(({ nodeId, generation }) => [nodeId, generation]));
  return outcomes.map((outcome) => {
    const generation = generations.get(outcome.nodeId);
    return generation === undefined ? outcome : { ...outcome, generation, raisedFloor: true };
  });
}

const toInput = ({ nodeId, bootId, sequence, observed, resources }: HeartbeatReport): object => ({
  node_id: nodeId,
  boot_id: bootId,
  sequence,
  generation: observed.generation,
  cpu: boundedMeasure(resources.cpuUsagePercent),
  memory: boundedMeasure(resources.memoryUsageMB),
  modules: boundedInteger(resources.modulesLoaded),
  held: observed.releases.map((release) => `${release.moduleName}/${release.releaseId}`),
});

/** A release that is listed twice counts once: one statement cannot write a row twice. */
function toObservations({ nodeId, observed }: HeartbeatReport): readonly object[] {
  const byRelease = new Map(
    observed.releases.map((release) => [`${release.moduleName}/${release.releaseId}`, release]),
  );
  return [...byRelease.values()].map(({ moduleName, releaseId, state, error, health }) => ({
    node_id: nodeId,
    module_name: moduleName,
    release_id: releaseId,
    state,
    error_code: error?.code,
    error_message: error?.message,
    health_round: health?.round,
    health_state: health?.state,
    consecutive_successes: boundedInteger(health?.consecutiveSuccesses),
    consecutive_failures: boundedInteger(health?.consecutiveFailures),
    health_message: health?.message,
  }));
}

function toMetrics({ nodeId, metrics }: HeartbeatReport): readonly object[] {
  const counted = metrics.filter(
    (delta) => delta.calls > 0 || delta.memoryRefusals > 0 || delta.peakMemoryBytes > 0 || hasCounted(delta),
  );
  const byRelease = new Map(counted.map((delta) => [`${delta.moduleName}/${delta.releaseId}`, delta]));
  return [...byRelease.values()].map((delta) => ({
    node_id: nodeId,
    ...boundedDelta(delta),
    ...(delta.gauges === undefined ? {} : { gaugeCounts: mapNumbers(delta.gauges, () => 1) }),
  }));
}

const hasCounted = ({ counters = {} }: ReleaseCallDelta): boolean => Object.values(counters).some((grown) => grown > 0);
