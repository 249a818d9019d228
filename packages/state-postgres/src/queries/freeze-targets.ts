import type { Change } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { toMultirange } from './node-ranges.ts';
import { claimModule } from './open-deployment.ts';

const insertTargets = statement(
  'insert_targets',
  `
insert into deployment_targets (tenant, deployment_id, position, node_id)
select $1, $2, ordinality - 1, node_id from unnest($3::text[]) with ordinality as target (node_id, ordinality)`,
);

const insertBaselines = statement(
  'insert_baselines',
  `
insert into deployment_baselines (tenant, deployment_id, position, release_id, weight)
select $1, $2, t.position, b.release_id, b.weight
from jsonb_to_recordset($3::jsonb) as b (nodes text, release_id text, weight double precision)
join deployment_targets t on t.deployment_id = $2 and t.position <@ b.nodes::int4multirange`,
);

const raise = statement(
  'raise_epoch',
  `
insert into routes (tenant, module_name, epoch) values ($1, $2, $3)
on conflict (tenant, module_name) do update set epoch = greatest(routes.epoch, excluded.epoch)`,
);

const readScope = statement(
  'read_deployment_scope',
  `select module_name as "moduleName", regions from deployments where tenant = $1 and deployment_id = $2`,
);

/**
 * Freezes a deployment's targets and baseline. Also refuses when another deployment is still moving the module: a
 * rollback out of retention, which `open` could not see.
 * @throws HS_DEPLOYMENT_ACTIVE
 * @internal
 */
export async function freezeTargets(
  session: Session,
  tenant: string,
  deploymentId: string,
  change: Extract<Change, { kind: 'freeze' }>,
): Promise<void> {
  const [scope] = await session.query<{ moduleName: string; regions: readonly string[] | null }>(readScope, [
    tenant,
    deploymentId,
  ]);
  if (!scope) return;
  await claimModule(session, { tenant, deploymentId, ...scope, against: 'moving' });
  await session.execute(insertTargets, [tenant, deploymentId, change.targets]);
  const rows = change.baseline.flatMap((group) =>
    group.releases.map((release) => ({
      nodes: toMultirange(group.nodes),
      release_id: release.releaseId,
      weight: release.weight,
    })),
  );
  if (rows.length > 0) await session.execute(insertBaselines, [tenant, deploymentId, JSON.stringify(rows)]);
  await raiseEpoch(session, tenant, scope.moduleName, change.epoch);
}

/** Epochs only rise, whoever writes later. @internal */
export async function raiseEpoch(session: Session, tenant: string, moduleName: string, epoch: number): Promise<void> {
  await session.execute(raise, [tenant, moduleName, epoch]);
}
