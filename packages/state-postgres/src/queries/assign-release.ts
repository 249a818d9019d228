import type { Change } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { bumpChanged, targetNodes } from './bump-generation.ts';
import { toMultirange } from './node-ranges.ts';

const assign = statement(
  'assign_release',
  `
with ${targetNodes},
inserted as (
  insert into assignments (tenant, node_id, module_name, release_id, weight)
  select $1, node_id, $4, $5, 0 from target
  on conflict do nothing
  returning node_id
),
cleared as (
  delete from observations o using target t
  where o.tenant = $1 and o.node_id = t.node_id and o.module_name = $4 and o.release_id = $5 and o.state = 'failed'
  returning o.node_id
),
changed as (select node_id from inserted union select node_id from cleared),
${bumpChanged}
select 1`,
);

/** A release is given to nodes at weight 0. Nodes that have it and did not fail to load it are left alone. @internal */
export async function assignRelease(
  session: Session,
  target: { readonly tenant: string; readonly deploymentId: string; readonly moduleName: string },
  change: Extract<Change, { kind: 'assign' }>,
): Promise<void> {
  await session.execute(assign, [
    target.tenant,
    target.deploymentId,
    toMultirange(change.nodes),
    target.moduleName,
    change.releaseId,
  ]);
}
