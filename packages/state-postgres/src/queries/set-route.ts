import { hotSwapError } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { stateError } from '../error-codes.ts';
import { holdingStatuses } from './deployment-statuses.ts';
import { lockModule } from './open-deployment.ts';
import { raiseRevision } from './shift-route.ts';

/** A route as somebody has seen it who wants to change it. @public */
export interface SeenRoute {
  readonly revision: number;
  readonly epoch: number;
}

const lock = statement(
  'route_lock',
  `select revision::float8 as revision, epoch::float8 as epoch from routes where tenant = $1 and module_name = $2 for update`,
);

const readHolder = statement(
  'route_holder',
  `
select deployment_id as "deploymentId", status from deployments
where tenant = $1 and module_name = $2 and status in ${holdingStatuses} order by ordinal limit 1`,
);

const readPresent = statement(
  'route_present',
  `
select a.release_id as "releaseId", bool_or(a.weight > 0) as routed,
  coalesce(array_agg(a.node_id) filter (where o.state = 'ready'), '{}') as ready
from assignments a
left join observations o on o.tenant = a.tenant and o.node_id = a.node_id and o.module_name = a.module_name and o.release_id = a.release_id
where a.tenant = $1 and a.module_name = $2 group by a.release_id`,
);

/** A release's share is spread over the nodes that have it ready. `$3` releases, `$4` their shares in percent of all requests. */
const reweigh = statement(
  'route_set',
  `
with share as (select * from unnest($3::text[], $4::float8[]) as s (release_id, percent)),
holding as materialized (
  select a.node_id, a.release_id, s.percent, count(*) over (partition by a.release_id) as nodes,
    (select count(distinct x.node_id) from assignments x where x.tenant = $1 and x.module_name = $2 and x.release_id = any ($3::text[])) as fleet
  from assignments a join share s using (release_id)
  join observations o on o.tenant = a.tenant and o.node_id = a.node_id and o.module_name = a.module_name and o.release_id = a.release_id and o.state = 'ready'
  where a.tenant = $1 and a.module_name = $2
),
wanted as (
  select a.node_id, a.release_id, coalesce(h.percent * h.fleet / h.nodes, 0) as weight
  from assignments a left join holding h using (node_id, release_id) where a.tenant = $1 and a.module_name = $2
),
written as (
  update assignments a set weight = w.weight from wanted w
  where a.tenant = $1 and a.module_name = $2 and a.node_id = w.node_id and a.release_id = w.release_id and a.weight is distinct from w.weight
  returning a.node_id
)
select distinct node_id as "nodeId" from written`,
  ([tenant, moduleName, releases, percents]) => ({
    tenant: String(tenant),
    action: 'route.set',
    object: String(moduleName),
    facts: { releases: releases as readonly string[], percents: percents as readonly number[] },
  }),
);

const retireAll = statement(
  'route_delete',
  `
with gone as (delete from assignments where tenant = $1 and module_name = $2 returning node_id)
select distinct node_id as "nodeId" from gone`,
  ([tenant, moduleName]) => ({ tenant: String(tenant), action: 'route.delete', object: String(moduleName) }),
);

const tell = statement(
  'route_tell',
  `
with locked as materialized (
  select node_id from nodes where tenant = $1 and node_id = any ($2::text[]) order by node_id for no key update
),
bumped as (
  update nodes n set generation = n.generation + 1 from locked l where n.tenant = $1 and n.node_id = l.node_id returning n.node_id
)
select pg_notify('hotswap_changes', json_build_object('topic', 'desired', 'tenant', $1::text, 'nodeId', node_id)::text) from bumped
union all
select pg_notify('hotswap_changes', json_build_object('topic', 'route', 'tenant', $1::text, 'moduleName', $3::text)::text)`,
);

/**
 * Sets the shares of a module's releases by hand; those that are not named get nothing.
 * @returns `false` when the module was never deployed
 * @throws HS_STORE_STALE, HS_DEPLOYMENT_ACTIVE, HS_ROUTE_RELEASE_NOT_READY
 * @internal
 */
export async function setRoute(
  session: Session,
  tenant: string,
  moduleName: string,
  weights: Readonly<Record<string, number>>,
  seen?: SeenRoute,
): Promise<boolean> {
  if (!(await hold(session, tenant, moduleName, seen))) return false;
  const present = await session.query<{ releaseId: string; ready: readonly string[] }>(readPresent, [
    tenant,
    moduleName,
  ]);
  for (const [releaseId, percent] of Object.entries(weights)) {
    const found = present.find((release) => release.releaseId === releaseId);
    if (percent > 0 && (found?.ready.length ?? 0) === 0)
      throw stateError('HS_ROUTE_RELEASE_NOT_READY', {
        moduleName,
        releaseId,
        ready:
          present
            .filter(({ ready }) => ready.length > 0)
            .map((release) => release.releaseId)
            .join(', ') || 'none',
      });
  }
  const changed = await session.query<{ nodeId: string }>(reweigh, [
    tenant,
    moduleName,
    Object.keys(weights),
    Object.values(weights),
  ]);
  await announce(session, tenant, moduleName, changed);
  return true;
}

/**
 * Takes every release of a module off every node.
 * @returns `false` when the module was never deployed
 * @throws HS_STORE_STALE, HS_DEPLOYMENT_ACTIVE
 * @internal
 */
export async function deleteRoute(
  session: Session,
  tenant: string,
  moduleName: string,
  seen?: SeenRoute,
): Promise<boolean> {
  if (!(await hold(session, tenant, moduleName, seen))) return false;
  await announce(session, tenant, moduleName, await session.query<{ nodeId: string }>(retireAll, [tenant, moduleName]));
  return true;
}

/**
 * Nobody else changes the route meanwhile, and no deployment is at work on it or begins: one that begins takes down what
 * serves, and has to wait until that is what holds.
 */
async function hold(
  session: Session,
  tenant: string,
  moduleName: string,
  seen: SeenRoute | undefined,
): Promise<boolean> {
  await lockModule(session, tenant, moduleName);
  const [route] = await session.query<SeenRoute>(lock, [tenant, moduleName]);
  if (!route) return false;
  if (seen !== undefined && (seen.revision !== route.revision || seen.epoch !== route.epoch))
    throw stateError('HS_STORE_STALE', { what: `The route of ${moduleName}` });
  const [holder] = await session.query<{ deploymentId: string; status: string }>(readHolder, [tenant, moduleName]);
  if (holder) throw hotSwapError('HS_DEPLOYMENT_ACTIVE', { ...holder, moduleName });
  return true;
}

async function announce(
  session: Session,
  tenant: string,
  moduleName: string,
  changed: readonly { readonly nodeId: string }[],
): Promise<void> {
  await raiseRevision(session, tenant, moduleName);
  await session.query(tell, [tenant, changed.map(({ nodeId }) => nodeId), moduleName]);
}
