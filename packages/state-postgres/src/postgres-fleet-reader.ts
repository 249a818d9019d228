import {
  resolveHealthCheck,
  type CandidateNode,
  type DeploymentId,
  type FleetReader,
  type HealthCheck,
  type HealthCheckOverride,
  type MirrorTally,
  type NodeProgress,
  type NodeSet,
  type ReleaseId,
} from '@hotswap/core';
import { statement, type Session } from './database/session.ts';
import { stateError } from './error-codes.ts';
import { recentStarts } from './queries/recent-starts.ts';
import { mirrorTally } from './queries/mirror-requests.ts';
import { progressQuery, readProgress } from './queries/node-progress.ts';
import { toMultirange } from './queries/node-ranges.ts';
import { probeRound } from './queries/probe-releases.ts';

/**
 * How long silence is borne.
 * @public
 */
export interface FleetReaderOptions {
  /** Of a node that was told something, since it was told or last heard of. Default 10,000: rollouts make nodes report each second. */
  readonly unreachableAfterMs?: number;
  /** Of a node that could become a target. Default 120,000: without a rollout nodes report each 30 seconds. */
  readonly unhealthyAfterMs?: number;
  /** Starts within ten minutes before the last one which make a node one that flaps; 0: none does. Default 3. */
  readonly flappingStarts?: number;
}

const defaultFlappingStarts = 3;
const isFlapping = `coalesce(${recentStarts} >= $5::int and $5::int > 0, false)`;

/**
 * A node holds what it was given, also while it has not reported it, or could not load it: it refuses what goes beyond its
 * room by the same count.
 */
const modulesHeld = `greatest(coalesce(h.modules_loaded, 0),
    (select count(distinct a.module_name)::int from assignments a where a.tenant = n.tenant and a.node_id = n.node_id))`;

/** `+ 0` keeps the planner from the index of routes, which finds all nodes of the module for each node. */
const readCandidates = statement(
  'fleet_candidates',
  `
select n.node_id as "nodeId", n.region, n.zone, n.labels, n.runtime, n.runtime_version as "runtimeVersion", n.capabilities,
  n.max_modules as "maxModules", ${modulesHeld} as "modulesLoaded", h.cpu_usage_percent as "cpuUsagePercent",
  100 * h.memory_usage_mb / nullif((n.hardware ->> 'totalMemoryMB')::float8, 0) as "memoryUsagePercent",
  ${isFlapping} as flapping,
  exists (select 1 from assignments a where a.tenant = n.tenant and a.node_id = n.node_id and a.module_name = $2) as "hasModule",
  coalesce(h.last_heartbeat_at >= clock_timestamp() - $4::float8 * interval '1 millisecond', false) as reachable,
  coalesce((select json_agg(json_build_object('releaseId', a.release_id, 'weight', a.weight) order by a.release_id)
    from assignments a where a.tenant = n.tenant and a.node_id = n.node_id and a.module_name = $2 and a.weight + 0 > 0), '[]') as serving
from nodes n left join node_heartbeats h on h.tenant = n.tenant and h.node_id = n.node_id
where n.tenant = $1 and n.is_enabled and ($3::text[] is null or n.region = any ($3::text[]))
order by n.region, n.node_id`,
);

const readRegions = statement('fleet_regions', `select distinct region from nodes where tenant = $1 order by region`);

const readRoute = statement(
  'fleet_route',
  `select revision::float8 as revision, epoch::float8 as epoch from routes where tenant = $1 and module_name = $2`,
);

const readRetained = statement(
  'fleet_retained',
  `
select deployment_id as "deploymentId" from deployments d
where tenant = $1 and module_name = $2 and retained_until is not null and status in ('Completed', 'PartiallyCompleted')
  and exists (
    select 1 from deployment_targets t left join nodes n on n.tenant = t.tenant and n.node_id = t.node_id
    where t.deployment_id = d.deployment_id and ($3::text[] is null or n.region = any ($3::text[])))
order by ordinal`,
);

const readHealthCheck = statement(
  'fleet_health_check',
  `
select m.health_check as module, r.health_check as release
from releases r join modules m on m.tenant = r.tenant and m.module_id = r.module_id
where r.tenant = $1 and r.release_id = $2`,
);

/** `$4` release. What a node without a wish of ours reports counts at any generation. */
const readLoad = statement(
  'progress_load',
  progressQuery(`
  select case o.state when 'ready' then 'done' when 'failed' then 'failed' end as state, o.error_code as code, o.error_message as message
  from observations o where o.tenant = t.tenant and o.node_id = t.node_id and o.module_name = t.module_name and o.release_id = $4`),
);

/** A node has refused a route when a release that shall get requests there could not be loaded. */
const readApplied = statement(
  'progress_apply',
  progressQuery(`
  select case when count(*) = 0 then 'done' else 'failed' end as state, min(o.error_code) as code, min(o.error_message) as message
  from observations o
  join assignments a on a.tenant = o.tenant and a.node_id = o.node_id and a.module_name = o.module_name and a.release_id = o.release_id and a.weight + 0 > 0
  where o.tenant = t.tenant and o.node_id = t.node_id and o.module_name = t.module_name and o.state = 'failed'`),
);

/**
 * `$4` round. A node is healthy when every release that probes under the round is; a check that is switched off is
 * content with a loaded release. Nodes on which nothing probes under the round have no verdict.
 */
const readHealth = statement(
  'progress_health',
  progressQuery(`
  select case when bool_or(p.state = 'failed') then 'failed' when bool_and(p.state = 'done') then 'done' end as state,
    min(p.code) filter (where p.state = 'failed') as code, min(p.message) filter (where p.state = 'failed') as message
  from (
    select
      case
        when o.state = 'failed' then 'failed'
        when a.probe_check ->> 'enabled' = 'false' then case when o.state = 'ready' then 'done' else 'open' end
        when o.health_round is distinct from $4 then 'open'
        when o.health_state = 'healthy' then 'done'
        when o.health_state = 'unhealthy' then 'failed'
        else 'open'
      end as state,
      case when o.state = 'failed' then o.error_code else 'HS_NODE_UNHEALTHY' end as code,
      case when o.state = 'failed' then o.error_message else coalesce(o.health_message, 'The health check did not give the expected answer') end as message
    from assignments a
    left join observations o on o.tenant = a.tenant and o.node_id = a.node_id and o.module_name = a.module_name and o.release_id = a.release_id
    where a.tenant = t.tenant and a.node_id = t.node_id and a.module_name = t.module_name and a.probe_round = $4
  ) p`),
);

/**
 * Reads the fleet for effect handlers: each question is one statement over the whole node set.
 * @public
 */
export class PostgresFleetReader implements FleetReader {
  readonly #session: Session;
  readonly #unreachableAfterMs: number;
  readonly #unhealthyAfterMs: number;
  readonly #flappingStarts: number;

  constructor(session: Session, options: FleetReaderOptions = {}) {
    this.#session = session;
    this.#unreachableAfterMs = options.unreachableAfterMs ?? 10_000;
    this.#unhealthyAfterMs = options.unhealthyAfterMs ?? 120_000;
    this.#flappingStarts = options.flappingStarts ?? defaultFlappingStarts;
  }

  async candidates(
    tenant: string,
    moduleName: string,
    regions: readonly string[] | null,
  ): Promise<readonly CandidateNode[]> {
    return this.#session.query<CandidateNode>(readCandidates, [
      tenant,
      moduleName,
      regions,
      this.#unhealthyAfterMs,
      this.#flappingStarts,
    ]);
  }

  async regions(tenant: string): Promise<readonly string[]> {
    return (await this.#session.query<{ region: string }>(readRegions, [tenant])).map(({ region }) => region);
  }

  async epoch(tenant: string, moduleName: string): Promise<number> {
    return (await this.#route(tenant, moduleName)).epoch;
  }

  async routeRevision(tenant: string, moduleName: string): Promise<number> {
    return (await this.#route(tenant, moduleName)).revision;
  }

  async retained(
    tenant: string,
    moduleName: string,
    regions: readonly string[] | null,
  ): Promise<readonly DeploymentId[]> {
    const rows = await this.#session.query<{ deploymentId: string }>(readRetained, [tenant, moduleName, regions]);
    return rows.map(({ deploymentId }) => deploymentId);
  }

  async loadProgress(deploymentId: DeploymentId, nodes: NodeSet, releaseId: ReleaseId): Promise<NodeProgress> {
    return this.#progress(readLoad, deploymentId, nodes, releaseId);
  }

  async applyProgress(deploymentId: DeploymentId, nodes: NodeSet): Promise<NodeProgress> {
    return this.#progress(readApplied, deploymentId, nodes);
  }

  async healthProgress(deploymentId: DeploymentId, nodes: NodeSet, step: number): Promise<NodeProgress> {
    return this.#progress(readHealth, deploymentId, nodes, probeRound(deploymentId, step));
  }

  async mirrorTally(deploymentId: DeploymentId, step: number): Promise<MirrorTally> {
    return mirrorTally(this.#session, deploymentId, step);
  }

  /** @throws HS_REGISTRY_RELEASE_NOT_FOUND */
  async releaseHealthCheck(tenant: string, releaseId: ReleaseId): Promise<HealthCheck> {
    const [row] = await this.#session.query<{ module: HealthCheckOverride; release: HealthCheckOverride }>(
      readHealthCheck,
      [tenant, releaseId],
    );
    if (!row) throw stateError('HS_REGISTRY_RELEASE_NOT_FOUND', { releaseId });
    return resolveHealthCheck(row.module, row.release);
  }

  async #route(tenant: string, moduleName: string): Promise<{ readonly revision: number; readonly epoch: number }> {
    const [row] = await this.#session.query<{ revision: number; epoch: number }>(readRoute, [tenant, moduleName]);
    return row ?? { revision: 0, epoch: 0 };
  }

  async #progress(
    sql: typeof readLoad,
    deploymentId: DeploymentId,
    nodes: NodeSet,
    ...more: readonly unknown[]
  ): Promise<NodeProgress> {
    return readProgress(this.#session, sql, [deploymentId, toMultirange(nodes), this.#unreachableAfterMs, ...more]);
  }
}
