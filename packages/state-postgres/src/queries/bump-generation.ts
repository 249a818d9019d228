/**
 * The end of every statement that alters what nodes shall do. Needs a CTE `changed(node_id)`, the tenant as `$1` and the
 * deployment as `$2`: raises the nodes' generations by one and stamps them on the deployment's targets. Rows of nodes
 * are locked in order of their ids, so that commits over the same nodes wait for each other instead of deadlocking.
 * @internal
 */
export const bumpChanged = `
locked as materialized (
  select node_id from nodes where tenant = $1 and node_id in (select node_id from changed) order by node_id for no key update
),
bumped as (
  update nodes n set generation = n.generation + 1 from locked l where n.tenant = $1 and n.node_id = l.node_id
  returning n.node_id, n.generation
),
stamped as (
  update deployment_targets t set issued_generation = b.generation, issued_at = clock_timestamp()
  from bumped b where t.deployment_id = $2 and t.node_id = b.node_id
)`;

/**
 * The same for what no step waits for: the nodes get a new generation, the deployment's targets keep the one that their
 * outcome is measured by. A node that has yet to stop checking has not lost the release.
 * @internal
 */
export const bumpUnawaited = `
locked as materialized (
  select node_id from nodes where tenant = $1 and node_id in (select node_id from changed) order by node_id for no key update
),
bumped as (
  update nodes n set generation = n.generation + 1 from locked l where n.tenant = $1 and n.node_id = l.node_id
  returning n.node_id
)`;

/** Of a target `t` the node `n` that still exists, and is still in the regions of its deployment: it never follows one out of them. @internal */
export const nodeOfTarget: string = `nodes n on n.tenant = t.tenant and n.node_id = t.node_id
    and (select d.regions is null or n.region = any (d.regions) from deployments d where d.deployment_id = t.deployment_id)`;

/** Targets at the positions `$3` with such a node. @internal */
export const targetNodes: string = `
target as materialized (
  select t.position, t.node_id from deployment_targets t join ${nodeOfTarget}
  where t.tenant = $1 and t.deployment_id = $2 and t.position <@ $3::int4multirange
)`;
