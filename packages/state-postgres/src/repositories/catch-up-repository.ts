import type { DeploymentId, NamedSelector, ReleaseId } from '@hotswap/core';
import type { Database } from '../database/database.ts';
import { statement } from '../database/session.ts';
import { movingStatuses } from '../queries/deployment-statuses.ts';

/** A node that should have a release which the deployment of it did not bring there. @public */
export interface OutstandingNode {
  readonly tenant: string;
  readonly nodeId: string;
  readonly region: string;
  readonly deploymentId: DeploymentId;
  readonly moduleName: string;
  readonly releaseId: ReleaseId;
  /** Regions and selectors of that deployment. */
  readonly regions: readonly string[] | null;
  readonly selectors: readonly NamedSelector[];
  /** Heard of lately. */
  readonly isReachable: boolean;
  /** It has been told. */
  readonly hasBegun: boolean;
  /** What it reports of the release; `null`: nothing yet. */
  readonly state: 'loading' | 'ready' | 'failed' | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** @public */
export interface OutstandingQuery {
  /** Only these nodes. Default all. */
  readonly nodeIds?: readonly string[];
  /** Only what this deployment should have brought. Default any. */
  readonly deploymentId?: DeploymentId;
  /** Default 1,000. */
  readonly limit?: number;
}

/**
 * For each node and module the last deployment that reached the node's region and went on; an experiment that the new version
 * did not win changed nothing, and is passed over. When that has ended well, most
 * others in the region (or, without any there, in all of the deployment's) serve its release, and the node was none of its targets (or has registered, or come to the region, since), the node should have
 * the release too. `$1` tenant or null, `$2` nodes or null, `$3` deployment or null.
 */
const outstanding = `
outstanding as materialized (
  select n.tenant, n.node_id, n.region, d.deployment_id, d.module_name, d.release_id, d.regions, d.spec -> 'nodeSelector' as selectors
  from nodes n
  join routes r on r.tenant = n.tenant
  cross join lateral (
    select d.* from deployments d
    where d.tenant = n.tenant and d.module_name = r.module_name and (d.regions is null or n.region = any (d.regions))
      and d.status in ('InProgress', 'Paused', 'RollingBack', 'Completed', 'PartiallyCompleted')
      and (d.status in ${movingStatuses} or coalesce(d.summary ->> 'verdict', 'B') = 'B')
    order by d.ordinal desc limit 1
  ) d
  where n.is_enabled and ($1::text is null or n.tenant = $1) and ($2::text[] is null or n.node_id = any ($2))
    and ($3::text is null or (d.deployment_id = $3 and r.module_name = (select x.module_name from deployments x where x.deployment_id = $3)))
    and d.status not in ${movingStatuses} and coalesce(d.spec ->> 'joiners', 'catchUp') = 'catchUp'
    and not exists (
      select 1 from assignments a
      where a.tenant = n.tenant and a.node_id = n.node_id and a.module_name = d.module_name and a.release_id = d.release_id and a.weight > 0)
    and not exists (
      select 1 from deployment_targets t
      where t.deployment_id = d.deployment_id and t.node_id = n.node_id
        and extract(epoch from coalesce(n.region_since, n.created_at)) * 1000 <= (d.summary ->> 'executedAt')::float8)
    and d.release_id = (
      select a.release_id from assignments a join nodes o on o.tenant = a.tenant and o.node_id = a.node_id
      where a.tenant = n.tenant and a.module_name = d.module_name and a.weight > 0 and (d.regions is null or o.region = any (d.regions))
        and o.node_id <> n.node_id
      group by a.release_id order by count(*) filter (where o.region = n.region) desc, count(*) desc, a.release_id limit 1)
)`;

const read = statement(
  'catch_up_read',
  `
with ${outstanding}
select w.tenant, w.node_id as "nodeId", w.region, w.deployment_id as "deploymentId", w.module_name as "moduleName", w.release_id as "releaseId",
  w.regions, coalesce(w.selectors, '[]'::json) as selectors, c.release_id is not distinct from w.release_id and c.node_id is not null as "hasBegun",
  coalesce(h.last_heartbeat_at >= clock_timestamp() - interval '2 minutes', false) as "isReachable", o.state,
  case when o.error_code is not null then json_build_object('code', o.error_code, 'message', o.error_message) end as error
from outstanding w
left join catch_ups c on c.tenant = w.tenant and c.node_id = w.node_id and c.module_name = w.module_name
left join node_heartbeats h on h.tenant = w.tenant and h.node_id = w.node_id
left join observations o on o.tenant = w.tenant and o.node_id = w.node_id and o.module_name = w.module_name and o.release_id = w.release_id
order by w.tenant, w.module_name, w.node_id limit $4`,
);

/** Nodes get new wishes: their generations rise, and their streams hear of it. Needs `changed(tenant, node_id)`. */
const tellNodes = `
locked as materialized (
  select n.tenant, n.node_id from nodes n join changed c on c.tenant = n.tenant and c.node_id = n.node_id order by n.node_id for no key update of n
),
bumped as (
  update nodes n set generation = n.generation + 1 from locked l where n.tenant = l.tenant and n.node_id = l.node_id returning n.tenant, n.node_id
)`;
const nodeHints = `pg_notify('hotswap_changes', json_build_object('topic', 'desired', 'tenant', tenant, 'nodeId', node_id)::text)`;

/** `$4` module, `$5` nodes. What has changed since it was read is left out. */
const begin = statement(
  'catch_up_begin',
  `
with ${outstanding},
chosen as (select * from outstanding where module_name = $4 and node_id = any ($5::text[])),
begun as (
  insert into catch_ups as c (tenant, node_id, module_name, release_id, deployment_id)
  select tenant, node_id, module_name, release_id, deployment_id from chosen order by node_id
  on conflict (node_id, tenant, module_name) do update set release_id = excluded.release_id, deployment_id = excluded.deployment_id, created_at = excluded.created_at
  where c.release_id <> excluded.release_id
  returning tenant, node_id, module_name, release_id
),
given as (
  insert into assignments (tenant, node_id, module_name, release_id, weight)
  select tenant, node_id, module_name, release_id, 0 from begun order by node_id on conflict do nothing
),
changed as (select distinct tenant, node_id from begun),
${tellNodes}
select ${nodeHints} from bumped`,
  ([tenant, , deploymentId, moduleName, nodeIds]) => ({
    tenant: String(tenant),
    actor: 'engine:catch-up',
    action: 'node.catch-up',
    object: String(moduleName),
    facts: { deploymentId: String(deploymentId), nodes: nodeIds as readonly string[] },
  }),
);

/**
 * The release takes the place of whatever else the node had of the module, once it is loaded. Several servers may find it
 * at one time: the one whose `ended` it is does all of it, and the others nothing.
 */
const finish = statement(
  'catch_up_finish',
  `
with ${outstanding},
ready as materialized (
  select c.tenant, c.node_id, c.module_name, c.release_id from outstanding w
  join catch_ups c on c.tenant = w.tenant and c.node_id = w.node_id and c.module_name = w.module_name and c.release_id = w.release_id
  join observations o on o.tenant = w.tenant and o.node_id = w.node_id and o.module_name = w.module_name and o.release_id = w.release_id
  where o.state = 'ready' order by c.tenant, c.module_name, c.node_id for update of c
),
ended as (
  delete from catch_ups c using ready y
  where c.tenant = y.tenant and c.node_id = y.node_id and c.module_name = y.module_name and c.release_id = y.release_id
  returning c.tenant, c.node_id, c.module_name, c.release_id
),
routed as (
  update assignments a set weight = 100 from ended y
  where a.tenant = y.tenant and a.node_id = y.node_id and a.module_name = y.module_name and a.release_id = y.release_id
),
replaced as (
  delete from assignments a using ended y
  where a.tenant = y.tenant and a.node_id = y.node_id and a.module_name = y.module_name and a.release_id <> y.release_id
),
raised as (
  update routes r set revision = revision + 1 from (select distinct tenant, module_name from ended) y
  where r.tenant = y.tenant and r.module_name = y.module_name returning r.tenant, r.module_name
),
changed as (select distinct tenant, node_id from ended),
${tellNodes}
select 'ready' as kind, tenant, module_name as "moduleName", release_id as "releaseId", node_id as "nodeId", null as hint from ended
union all
select 'node', null, null, null, null, ${nodeHints}::text from bumped
union all
select 'route', null, null, null, null,
  pg_notify('hotswap_changes', json_build_object('topic', 'route', 'tenant', tenant, 'moduleName', module_name)::text)::text from raised`,
);

interface FinishedRow {
  readonly kind: 'ready' | 'node' | 'route';
  readonly tenant: string;
  readonly moduleName: string;
  readonly releaseId: string;
  readonly nodeId: string;
}

/** Changes nothing: what has been finished goes on record by module and release. */
const recordFinished = statement(
  'catch_up_record',
  `select $1::text as tenant, $2::text as module, $3::text as release, $4::text as nodes`,
  ([tenant, moduleName, releaseId, nodeIds]) => ({
    tenant: String(tenant),
    actor: 'engine:catch-up',
    action: 'node.caught-up',
    object: String(moduleName),
    facts: { releaseId: String(releaseId), nodes: JSON.parse(String(nodeIds)) as readonly string[] },
  }),
);

/** What is no longer due: a rollout has begun, the node is a target of one, or its region has another release. */
const drop = statement(
  'catch_up_drop',
  `
with ${outstanding},
gone as (
  delete from catch_ups c where ($2::text[] is null or c.node_id = any ($2)) and not exists (
    select 1 from outstanding w where w.tenant = c.tenant and w.node_id = c.node_id and w.module_name = c.module_name and w.release_id = c.release_id)
  returning tenant, node_id, module_name, release_id
),
taken as (
  delete from assignments a using gone g
  where a.tenant = g.tenant and a.node_id = g.node_id and a.module_name = g.module_name and a.release_id = g.release_id and a.weight = 0
    and not exists (select 1 from deployments d join deployment_targets t on t.deployment_id = d.deployment_id
      where d.tenant = g.tenant and d.module_name = g.module_name and t.node_id = g.node_id and (d.status in ${movingStatuses} or d.retained_until is not null))
  returning a.tenant, a.node_id
),
changed as (select distinct tenant, node_id from taken),
${tellNodes}
select ${nodeHints} from bumped`,
);

/**
 * Nodes that joined, or were away, when a release was rolled out: which they are, and how they are brought to it.
 * @public
 */
export class CatchUpRepository {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** By module and node; of all tenants unless one is given. */
  async outstanding(tenant: string | null, query: OutstandingQuery = {}): Promise<readonly OutstandingNode[]> {
    const { nodeIds, deploymentId, limit = 1_000 } = query;
    return this.#database.query<OutstandingNode>(read, [tenant, nodeIds ?? null, deploymentId ?? null, limit]);
  }

  /** Gives the release to nodes at weight 0; whatever they serve they go on serving. */
  async begin(
    deployment: Pick<OutstandingNode, 'tenant' | 'deploymentId' | 'moduleName'>,
    nodeIds: readonly string[],
  ): Promise<void> {
    const { tenant, deploymentId, moduleName } = deployment;
    await this.#database.query(begin, [tenant, nodeIds, deploymentId, moduleName, nodeIds]);
  }

  /** Routes requests to releases that are loaded by now, in place of older ones, and forgets what is no longer due. */
  async settle(nodeIds?: readonly string[]): Promise<void> {
    const values = [null, nodeIds ?? null, null];
    await this.#database.transaction(async (session) => {
      const rows = await session.query<FinishedRow>(finish, values);
      await session.query(drop, values);
      const ready = rows.filter(({ kind }) => kind === 'ready');
      for (const group of Map.groupBy(ready, (row) =>
        JSON.stringify([row.tenant, row.moduleName, row.releaseId]),
      ).values()) {
        const [{ tenant, moduleName, releaseId }] = group as [FinishedRow];
        const nodes = group.map(({ nodeId }) => nodeId).sort();
        await session.query(recordFinished, [tenant, moduleName, releaseId, JSON.stringify(nodes)]);
      }
    });
  }
}
