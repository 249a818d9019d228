import type { Change } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { bumpChanged, nodeOfTarget } from './bump-generation.ts';
import { toMultirange } from './node-ranges.ts';

/**
 * Weights of `among` and `to` as they shall be; generations rise on `to` and wherever the local shares differ from before.
 * A scaled weight alone is the gateway's business: the node's split is the same, so the node is not told.
 * `$3` to, `$4` among, `$5` module, `$6` release, `$7` candidate, `$8` baseline on stage, `$9` baseline elsewhere.
 */
const route = statement(
  'shift_route',
  `
with target as materialized (
  select t.position, t.node_id, t.position <@ $3::int4multirange as on_stage
  from deployment_targets t join ${nodeOfTarget}
  where t.tenant = $1 and t.deployment_id = $2 and (t.position <@ $4::int4multirange or t.position <@ $3::int4multirange)
),
share as (
  select node_id, $6::text as release_id, case when on_stage then $7::float8 else 0 end as weight from target
  union all
  select t.node_id, b.release_id, b.weight * (case when t.on_stage then $8::float8 else $9::float8 end) / 100
  from target t join deployment_baselines b on b.deployment_id = $2 and b.position = t.position
),
planned as (select node_id, release_id, sum(weight) as weight from share group by node_id, release_id),
present as (
  select a.node_id, a.release_id, a.weight from assignments a join target t on a.node_id = t.node_id
  where a.tenant = $1 and a.module_name = $5
),
both_times as (
  select node_id, release_id, coalesce(c.weight, 0) as before, coalesce(p.weight, c.weight) as after, c.release_id is null as is_new
  from present c full join planned p using (node_id, release_id)
),
shares as (
  select *, sum(before) over node as total_before, sum(after) over node as total_after from both_times window node as (partition by node_id)
),
written as (
  insert into assignments (tenant, node_id, module_name, release_id, weight)
  select $1, node_id, $5, release_id, after from shares where after is distinct from before or (is_new and after > 0)
  on conflict (tenant, node_id, module_name, release_id) do update set weight = excluded.weight
  returning 1
),
changed as (
  select node_id from target where on_stage
  union
  select node_id from shares
  where abs(before / coalesce(nullif(total_before, 0), 1) - after / coalesce(nullif(total_after, 0), 1)) > 1e-9
),
${bumpChanged}
select 1`,
);

const raiseRevisionOf = statement(
  'raise_revision',
  `
insert into routes (tenant, module_name, revision) values ($1, $2, 1)
on conflict (tenant, module_name) do update set revision = routes.revision + 1`,
);

/** Sets the weights of a shift of traffic. @internal */
export async function shiftRoute(
  session: Session,
  target: { readonly tenant: string; readonly deploymentId: string; readonly moduleName: string },
  { releaseId, to, among, weights }: Extract<Change, { kind: 'route' }>,
): Promise<void> {
  const { tenant, deploymentId, moduleName } = target;
  await session.execute(route, [
    tenant,
    deploymentId,
    toMultirange(to),
    toMultirange(among),
    moduleName,
    releaseId,
    weights.candidate,
    weights.baselineOnStage,
    weights.baselineElsewhere,
  ]);
  await raiseRevision(session, tenant, moduleName);
}

/** Tells routers that the module's route is another one. @internal */
export async function raiseRevision(session: Session, tenant: string, moduleName: string): Promise<void> {
  await session.execute(raiseRevisionOf, [tenant, moduleName]);
}
