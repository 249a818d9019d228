import type { ReleaseId } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';

/** A node that is in another region than before, and what it lost by that. @public */
export interface NodeMove {
  readonly from: string;
  readonly to: string;
  /** What must not be there, or was never rolled out there. */
  readonly removed: readonly { readonly moduleName: string; readonly releaseId: ReleaseId }[];
}

const readRegion = statement('node_region', `select region from nodes where tenant = $1 and node_id = $2`);

/**
 * A module stays where a deployment that went on reached the new region: what that one left there replaces it later, if it
 * is another release. A version that must not be there goes in any case.
 */
const take = statement(
  'node_move_take',
  `
delete from assignments a using releases r join modules m on m.tenant = r.tenant and m.module_id = r.module_id
where a.tenant = $1 and a.node_id = $2 and r.tenant = a.tenant and r.release_id = a.release_id
  and (not m.allowed_regions::jsonb @> to_jsonb($3::text)
    or not exists (
      select 1 from deployments d
      where d.tenant = a.tenant and d.module_name = a.module_name and (d.regions is null or $3 = any (d.regions))
        and d.status in ('InProgress', 'Paused', 'RollingBack', 'Completed', 'PartiallyCompleted')))
returning a.module_name as "moduleName", a.release_id as "releaseId", a.weight > 0 as routed`,
);

const settle = statement(
  'node_move_settle',
  `
with raised as (
  update routes set revision = revision + 1 where tenant = $1 and module_name = any ($5::text[]) returning module_name
),
bumped as (
  update nodes set region_since = clock_timestamp(), generation = generation + sign(json_array_length($6::json))::int
  where tenant = $1 and node_id = $2 and region = $4 and $3::text is not null returning node_id
)
select pg_notify('hotswap_changes', json_build_object('topic', 'desired', 'tenant', $1::text, 'nodeId', node_id)::text) from bumped
union all
select pg_notify('hotswap_changes', json_build_object('topic', 'route', 'tenant', $1::text, 'moduleName', module_name)::text) from raised`,
  ([tenant, nodeId, from, to, , removed]) => ({
    tenant: String(tenant),
    actor: `node:${String(nodeId)}`,
    action: 'node.move',
    object: String(nodeId),
    facts: { from: String(from), to: String(to), removed: JSON.parse(String(removed)) as readonly string[] },
  }),
);

/** A node on its way to another region. @internal */
export interface LeavingNode extends NodeMove {
  /** Modules for which requests went to what was taken. */
  readonly routed: readonly string[];
}

/**
 * Takes from a node what must not be where it says it is now; `null`: it is where it was, or not known yet. Done before the
 * node's own row is written: rollouts lock assignments first, then nodes.
 * @internal
 */
export async function leaveRegion(
  session: Session,
  tenant: string,
  nodeId: string,
  to: string,
): Promise<LeavingNode | null> {
  const [before] = await session.query<{ region: string }>(readRegion, [tenant, nodeId]);
  if (before === undefined || before.region === to) return null;
  const taken = await session.query<{ moduleName: string; releaseId: ReleaseId; routed: boolean }>(take, [
    tenant,
    nodeId,
    to,
  ]);
  return {
    ...{ from: before.region, to },
    removed: taken.map(({ moduleName, releaseId }) => ({ moduleName, releaseId })),
    routed: [...new Set(taken.filter(({ routed }) => routed).map(({ moduleName }) => moduleName))],
  };
}

/** Tells the node, and routers, of the move once its row says where it is. @internal */
export async function enterRegion(
  session: Session,
  tenant: string,
  nodeId: string,
  node: LeavingNode,
): Promise<NodeMove> {
  const { from, to, removed, routed } = node;
  const ids = removed.map(({ releaseId }) => releaseId);
  await session.query(settle, [tenant, nodeId, from, to, routed, JSON.stringify(ids)]);
  return { from, to, removed };
}
