import type { MirrorReport, Route, RouteTarget as CoreRouteTarget } from '@hotswap/core';
import type { Database } from '../database/database.ts';
import { statement } from '../database/session.ts';
import { toJsonb } from '../database/to-jsonb.ts';
import { deleteRoute, setRoute, type SeenRoute } from '../queries/set-route.ts';
import { limitOf, readCursor, toPage, type Page, type PageQuery } from './page.ts';

/** A node and a release that requests may go to, and what else is known of the node. @public */
export interface RouteTarget extends CoreRouteTarget {
  readonly region: string;
  /** By the database's clock; `null` before the first report. */
  readonly silentForMs: number | null;
}

/** Where requests for a module go. @public */
export interface LiveRoute extends Route {
  readonly epoch: number;
  /**
   * In the order node, release; empty when nothing serves the module. Nodes that count as unhealthy are left out while any
   * other is there.
   */
  readonly targets: readonly RouteTarget[];
}

/** The node is noted as silent: whoever notes it, or its end, raises the revisions of its routes. */
const isSilent = (assignment: string): string =>
  `exists (select 1 from node_silences s where s.tenant = ${assignment}.tenant and s.node_id = ${assignment}.node_id)`;

/**
 * Revision and targets of one moment. Nodes that are silent get nothing, unless all are: then nothing is known that would
 * be better.
 */
const routesWhere = (condition: string): string => `
select r.tenant, r.module_name as "moduleName", r.revision::float8 as revision, r.epoch::float8 as epoch,
  coalesce((select json_agg(json_build_object('nodeId', a.node_id, 'region', n.region, 'dataPlaneUrl', n.data_plane_url, 'publicUrl', n.public_url, 'releaseId', a.release_id,
      'moduleId', rel.module_id, 'version', rel.version, 'http', rel.http, 'weight', a.weight,
      'silentForMs', (extract(epoch from clock_timestamp() - h.last_heartbeat_at) * 1000)::float8) order by a.node_id, a.release_id)
    from assignments a
    join nodes n on n.tenant = a.tenant and n.node_id = a.node_id
    join releases rel on rel.tenant = a.tenant and rel.release_id = a.release_id
    left join node_heartbeats h on h.tenant = a.tenant and h.node_id = a.node_id
    where a.tenant = r.tenant and a.module_name = r.module_name and a.weight > 0
      and (not ${isSilent('a')} or not exists (
        select 1 from assignments x where x.tenant = r.tenant and x.module_name = r.module_name and x.weight > 0 and not ${isSilent('x')}))
    ), '[]') as targets,
  coalesce((select json_agg(json_build_object('releaseId', d.release_id, 'when', m.value) order by d.ordinal desc, m.ordinality)
    from deployments d, json_array_elements(d.spec->'traffic'->'match') with ordinality m(value, ordinality)
    where d.tenant = r.tenant and d.module_name = r.module_name and d.status in ('InProgress', 'Paused')), '[]') as matches,
  coalesce((select json_agg(json_build_object('tenant', m.tenant, 'deploymentId', m.deployment_id, 'step', m.step, 'percent', m.percent, 'compare', m.compare,
      'targets', (select coalesce(json_agg(json_build_object('nodeId', a.node_id, 'dataPlaneUrl', n.data_plane_url, 'publicUrl', n.public_url,
          'releaseId', a.release_id, 'moduleId', rel.module_id, 'version', rel.version, 'http', rel.http, 'weight', a.weight) order by a.node_id), '[]')
        from assignments a
        join nodes n on n.tenant = a.tenant and n.node_id = a.node_id
        join releases rel on rel.tenant = a.tenant and rel.release_id = a.release_id
        where a.tenant = m.tenant and a.module_name = m.module_name and a.release_id = m.release_id)) order by m.deployment_id)
    from mirrors m where m.tenant = r.tenant and m.module_name = r.module_name), '[]') as mirrors
from routes r ${condition}`;

const readOne = statement('route_read', routesWhere('where r.tenant = $1 and r.module_name = $2'));
const readAll = statement('route_read_all', routesWhere(''));
const readPage = statement(
  'route_list',
  routesWhere('where r.tenant = $1 and ($2::text is null or r.module_name > $2) order by r.module_name limit $3'),
);

const seen = statement(
  'gateway_seen',
  `
insert into gateways (instance_id, last_seen_at) values ($1, clock_timestamp())
on conflict (instance_id) do update set last_seen_at = excluded.last_seen_at`,
);

const acknowledge = statement(
  'gateway_acknowledge',
  `
insert into gateway_revisions as g (instance_id, tenant, module_name, revision)
select $1, * from unnest($2::text[], $3::text[], $4::bigint[])
on conflict (instance_id, tenant, module_name) do update set revision = excluded.revision where g.revision < excluded.revision`,
);

const leave = statement(
  'gateway_leave',
  `delete from gateways where instance_id = $1 or last_seen_at < clock_timestamp() - interval '1 hour'`,
);

const readServed = statement(
  'gateway_served',
  `
select min(coalesce(r.revision, 0))::float8 as revision from gateways g
left join gateway_revisions r on r.instance_id = g.instance_id and r.tenant = $1 and r.module_name = $2
where g.last_seen_at >= clock_timestamp() - $3::float8 * interval '1 millisecond'`,
);

const report = statement(
  'mirror_report',
  `
insert into mirror_reports as r (deployment_id, instance_id, equal, different, failed, skipped, examples)
select m.deployment_id, $1, i.equal, i.different, i.failed, i.skipped, i.examples
from jsonb_to_recordset($2::jsonb) as i ("deploymentId" text, step int, equal bigint, different bigint, failed bigint, skipped bigint, examples json)
join mirrors m on m.deployment_id = i."deploymentId" and m.step = i.step
on conflict (deployment_id, instance_id) do update
set equal = excluded.equal, different = excluded.different, failed = excluded.failed, skipped = excluded.skipped, examples = excluded.examples`,
);

const takeOver = statement('gateway_take_over', `delete from gateways where instance_id <> $1`);

/**
 * Live routes, and which revision of each the gateways serve.
 * @public
 */
export class RouteRepository {
  readonly #session: Database;

  constructor(database: Database) {
    this.#session = database;
  }

  /** `null` when the module was never deployed. */
  async find(tenant: string, moduleName: string): Promise<LiveRoute | null> {
    const [row] = await this.#session.query<LiveRoute>(readOne, [tenant, moduleName]);
    return row ?? null;
  }

  /** Every route of every tenant: what a gateway starts with. */
  async all(): Promise<readonly LiveRoute[]> {
    return this.#session.query<LiveRoute>(readAll);
  }

  /**
   * Sets the shares of releases by hand, in percent of all requests; those that are not named get nothing and stay warm.
   * @returns `false` when the module was never deployed
   * @throws HS_STORE_STALE when the route is not as it was `seen`; without it that does not matter
   * @throws HS_DEPLOYMENT_ACTIVE while a deployment of the module has not ended
   * @throws HS_ROUTE_RELEASE_NOT_READY for a share of a release that no node has loaded
   */
  async setWeights(
    tenant: string,
    moduleName: string,
    weights: Readonly<Record<string, number>>,
    seen?: SeenRoute,
  ): Promise<boolean> {
    return this.#session.transaction((session) => setRoute(session, tenant, moduleName, weights, seen));
  }

  /**
   * Takes a module off every node; its versions and history stay.
   * @returns `false` when the module was never deployed
   * @throws HS_STORE_STALE when the route is not as it was `seen`; without it that does not matter
   * @throws HS_DEPLOYMENT_ACTIVE while a deployment of the module has not ended
   */
  async retire(tenant: string, moduleName: string, seen?: SeenRoute): Promise<boolean> {
    return this.#session.transaction((session) => deleteRoute(session, tenant, moduleName, seen));
  }

  /** By module name. @throws HS_STORE_INVALID_CURSOR */
  async list(tenant: string, query: PageQuery = {}): Promise<Page<LiveRoute>> {
    const limit = limitOf(query);
    const rows = await this.#session.query<LiveRoute>(readPage, [tenant, readCursor(query, 1)?.[0] ?? null, limit]);
    return toPage(
      rows,
      limit,
      (row) => [row.moduleName],
      (row) => row,
    );
  }

  /**
   * Says that a gateway instance is alive and serves these revisions. To be called when a revision changes and at least
   * every few seconds; an instance that has not reported a module serves revision 0 of it.
   */
  async acknowledge(
    instanceId: string,
    served: readonly { readonly tenant: string; readonly moduleName: string; readonly revision: number }[],
  ): Promise<void> {
    await this.#session.execute(seen, [instanceId]);
    if (served.length === 0) return;
    await this.#session.execute(acknowledge, [
      instanceId,
      served.map((row) => row.tenant),
      served.map((row) => row.moduleName),
      served.map((row) => row.revision),
    ]);
  }

  /** Puts down what an instance has counted of copied requests; mirrors that have ended are passed over. */
  async reportMirrors(instanceId: string, reports: readonly MirrorReport[]): Promise<void> {
    if (reports.length > 0) await this.#session.execute(report, [instanceId, toJsonb(reports)]);
  }

  /** Takes an instance out at once, when it stops in order. Also forgets instances that are long gone. */
  async leave(instanceId: string): Promise<void> {
    await this.#session.execute(leave, [instanceId]);
  }

  /**
   * Takes every other instance out: for the one process that owns an embedded database, so that nobody waits for what an
   * earlier one, which was killed, last served.
   */
  async takeOver(instanceId: string): Promise<void> {
    await this.#session.execute(takeOver, [instanceId]);
  }

  /** Oldest revision of the module that any instance serves which has reported within `liveForMs`; `null` without one. */
  async servedRevision(tenant: string, moduleName: string, liveForMs: number = 10_000): Promise<number | null> {
    const [row] = await this.#session.query<{ revision: number | null }>(readServed, [tenant, moduleName, liveForMs]);
    return row?.revision ?? null;
  }
}
