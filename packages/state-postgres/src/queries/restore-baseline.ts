import type { Change } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { bumpChanged, targetNodes } from './bump-generation.ts';
import { toMultirange } from './node-ranges.ts';
import { raiseRevision } from './shift-route.ts';

/** Nodes that have exactly their baseline already are not told anything. */
const restore = statement(
  'restore_baseline',
  `
with ${targetNodes},
baseline as (
  select t.node_id, b.release_id, b.weight from target t join deployment_baselines b on b.deployment_id = $2 and b.position = t.position
),
removed as (
  delete from assignments a using target t
  where a.tenant = $1 and a.node_id = t.node_id and a.module_name = $4
    and not exists (select 1 from deployment_baselines b where b.deployment_id = $2 and b.position = t.position and b.release_id = a.release_id)
  returning a.node_id
),
returned as (
  insert into assignments as a (tenant, node_id, module_name, release_id, weight)
  select $1, node_id, $4, release_id, weight from baseline
  on conflict (tenant, node_id, module_name, release_id) do update
  set weight = excluded.weight, probe_deployment_id = null, probe_round = null, probe_check = null
  where a.weight is distinct from excluded.weight or a.probe_round is not null
  returning node_id
),
changed as (select node_id from removed union select node_id from returned),
${bumpChanged}
select 1`,
);

/** @internal */
export async function restoreBaseline(
  session: Session,
  {
    tenant,
    deploymentId,
    moduleName,
  }: { readonly tenant: string; readonly deploymentId: string; readonly moduleName: string },
  change: Extract<Change, { kind: 'restore' }>,
): Promise<void> {
  await session.execute(restore, [tenant, deploymentId, toMultirange(change.nodes), moduleName]);
  await raiseRevision(session, tenant, moduleName);
}
