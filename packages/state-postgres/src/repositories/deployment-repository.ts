import type {
  BaselineGroup,
  DeploymentId,
  DeploymentSpec,
  DeploymentStatus,
  DeploymentSummary,
  Instant,
  MirrorTally,
  ReleaseId,
} from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { movingStatuses } from '../queries/deployment-statuses.ts';
import { readPageByOrdinal, type Page, type PageQuery } from './page.ts';

/** A deployment's row. @public */
export interface DeploymentRecord {
  readonly spec: DeploymentSpec;
  readonly summary: DeploymentSummary;
  /** Hash of the last journal entry; changes with every step, so it serves as an entity tag. */
  readonly head: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** No journal entry for longer than the running effect's own time and the grace, by the database's clock. */
  readonly stuck: boolean;
  /** Module that served most targets before; `null` when none did, or before execute. */
  readonly previousModuleId: string | null;
  /** Release that served most targets before. */
  readonly previousReleaseId: string | null;
  readonly targetCount: number;
  /** What routers have reported of its copied requests so far; `null` while none are copied. */
  readonly mirrored: Omit<MirrorTally, 'examples'> | null;
}

/** How far one target is. @public */
export interface DeploymentNode {
  readonly nodeId: string;
  readonly position: number;
  /** `null` when the node has been deleted since. */
  readonly region: string | null;
  /** `ok`: it has applied what it was last told; `unknown`: it was told and is silent; `pending`: not told, or not done. */
  readonly outcome: 'pending' | 'ok' | 'failed' | 'unknown';
  /** What it reports of the deployment's release. */
  readonly state: 'absent' | 'loading' | 'ready' | 'failed';
  /** Weight of the deployment's release in the route. */
  readonly weight: number;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly health: 'unknown' | 'healthy' | 'unhealthy' | null;
  readonly baseline: BaselineGroup['releases'];
}

const columns = `d.spec, d.summary, d.head,
  (extract(epoch from d.created_at) * 1000)::float8 as "createdAt", (extract(epoch from d.updated_at) * 1000)::float8 as "updatedAt",
  coalesce(d.stuck_at < clock_timestamp(), false) as stuck,
  (select r.module_id from deployment_baselines b join releases r on r.tenant = b.tenant and r.release_id = b.release_id
   where b.deployment_id = d.deployment_id group by r.module_id order by sum(b.weight) desc, r.module_id limit 1) as "previousModuleId",
  (select b.release_id from deployment_baselines b
   where b.deployment_id = d.deployment_id group by b.release_id order by sum(b.weight) desc, b.release_id limit 1) as "previousReleaseId",
  (select count(*)::int from deployment_targets t where t.deployment_id = d.deployment_id) as "targetCount",
  (select json_build_object('equal', coalesce(sum(r.equal), 0), 'different', coalesce(sum(r.different), 0), 'failed', coalesce(sum(r.failed), 0), 'skipped', coalesce(sum(r.skipped), 0))
   from mirrors m left join mirror_reports r on r.deployment_id = m.deployment_id where m.deployment_id = d.deployment_id group by m.deployment_id) as mirrored`;

const read = statement(
  'deployment_read',
  `select ${columns} from deployments d where d.tenant = $1 and d.deployment_id = $2`,
);

const readPage = statement(
  'deployment_list',
  `
select d.ordinal::float8 as ordinal, ${columns} from deployments d
where d.tenant = $1 and ($2::text is null or d.module_name = $2) and ($3::text[] is null or d.status = any ($3::text[]))
  and ($4::boolean is null or coalesce(d.stuck_at < clock_timestamp(), false) = $4) and ($5::bigint is null or d.ordinal < $5::bigint)
order by d.ordinal desc limit $6`,
);

const readNodes = statement(
  'deployment_nodes',
  `
select t.node_id as "nodeId", t.position, n.region,
  case
    when t.issued_generation = 0 then 'pending'
    when coalesce(h.observed_generation, -1) >= t.issued_generation then case when o.state = 'failed' or o.health_state = 'unhealthy' then 'failed' else 'ok' end
    when n.node_id is null or greatest(h.last_heartbeat_at, t.issued_at) < clock_timestamp() - $3::float8 * interval '1 millisecond' then 'unknown'
    else 'pending'
  end as outcome,
  coalesce(o.state, 'absent') as state, coalesce(a.weight, 0) as weight, o.health_state as health,
  case when o.error_code is null then null else json_build_object('code', o.error_code, 'message', coalesce(o.error_message, '')) end as error,
  coalesce((select json_agg(json_build_object('releaseId', b.release_id, 'weight', b.weight) order by b.release_id)
    from deployment_baselines b where b.deployment_id = t.deployment_id and b.position = t.position), '[]') as baseline
from deployments d
join deployment_targets t on t.deployment_id = d.deployment_id
left join nodes n on n.tenant = t.tenant and n.node_id = t.node_id
left join node_heartbeats h on h.tenant = t.tenant and h.node_id = t.node_id
left join assignments a on a.tenant = t.tenant and a.node_id = t.node_id and a.module_name = d.module_name and a.release_id = d.release_id
left join observations o on o.tenant = t.tenant and o.node_id = t.node_id and o.module_name = d.module_name and o.release_id = d.release_id
where d.tenant = $1 and d.deployment_id = $2
order by t.position`,
);

/** A rollout that has been to its end has turned to retention, whatever became of it then. Baselines are what served before. */
const firstServed = statement(
  'deployment_first_served',
  `
select coalesce(
  (select min((d.summary ->> 'executedAt')::float8) from deployments d
   where d.tenant = $1 and d.release_id = $2 and (d.status in ('Completed', 'PartiallyCompleted') or exists (
     select from journal_entries j where j.deployment_id = d.deployment_id and j.type = 'turned' and j.entry ->> 'to' = 'retention'))),
  (select (d.summary ->> 'executedAt')::float8 from deployment_baselines b join deployments d on d.deployment_id = b.deployment_id
   where b.tenant = $1 and b.release_id = $2 limit 1)) as at`,
);

const readUnfinished = statement(
  'deployments_unfinished',
  `
select tenant, deployment_id as "deploymentId" from deployments where status in ${movingStatuses} or retained_until is not null order by ordinal`,
);

/**
 * What lists and screens read of deployments. Written by the journal store alone.
 * @public
 */
export class DeploymentRepository {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** `null` when there is no such deployment. */
  async find(tenant: string, deploymentId: DeploymentId): Promise<DeploymentRecord | null> {
    const [row] = await this.#session.query<DeploymentRecord>(read, [tenant, deploymentId]);
    return row ?? null;
  }

  /** Targets in rollout order; empty before execute. `unreachableAfterMs` as of the fleet reader, default 10,000. */
  async nodes(
    tenant: string,
    deploymentId: DeploymentId,
    unreachableAfterMs: number = 10_000,
  ): Promise<readonly DeploymentNode[]> {
    return this.#session.query<DeploymentNode>(readNodes, [tenant, deploymentId, unreachableAfterMs]);
  }

  /** Newest first. @throws HS_STORE_INVALID_CURSOR */
  async list(
    tenant: string,
    query: PageQuery & {
      readonly moduleName?: string | undefined;
      readonly statuses?: readonly DeploymentStatus[] | undefined;
      readonly stuck?: boolean | undefined;
    } = {},
  ): Promise<Page<DeploymentRecord>> {
    const filters = [tenant, query.moduleName ?? null, query.statuses ?? null, query.stuck ?? null];
    return readPageByOrdinal(this.#session, readPage, filters, query, (deployment: DeploymentRecord) => deployment);
  }

  /**
   * When the release was first executed in a deployment that went to its end, or by when it served if only that is known;
   * `null`: it has never served.
   */
  async firstServed(tenant: string, releaseId: ReleaseId): Promise<Instant | null> {
    const [row] = await this.#session.query<{ at: Instant | null }>(firstServed, [tenant, releaseId]);
    return row?.at ?? null;
  }

  /** Deployments of all tenants that an engine still has to drive: moving, or retaining what they replaced. */
  async unfinished(): Promise<readonly { readonly tenant: string; readonly deploymentId: DeploymentId }[]> {
    return this.#session.query(readUnfinished);
  }
}
