import { defaultHealthCheck, type Change } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { bumpChanged, bumpUnawaited, targetNodes } from './bump-generation.ts';
import { toMultirange } from './node-ranges.ts';

interface Target {
  readonly tenant: string;
  readonly deploymentId: string;
  readonly moduleName: string;
}

const probe = statement(
  'probe_release',
  `
with ${targetNodes},
probed as (
  update assignments a set probe_deployment_id = $2, probe_round = $6, probe_check = $7
  from target t where a.tenant = $1 and a.node_id = t.node_id and a.module_name = $4 and a.release_id = $5
  returning a.node_id
),
changed as (select node_id from probed),
${bumpChanged}
select 1`,
);

/** Layers as everywhere: defaults, module, release. A baseline release that the node does not hold is passed over. */
const probeBaselines = statement(
  'probe_baselines',
  `
with ${targetNodes},
wanted as materialized (
  select t.node_id, b.release_id from target t join deployment_baselines b on b.deployment_id = $2 and b.position = t.position
),
checked as materialized (
  select r.release_id, ($6::jsonb || m.health_check::jsonb || r.health_check::jsonb)::json as health_check
  from releases r join modules m on m.tenant = r.tenant and m.module_id = r.module_id
  where r.tenant = $1 and r.release_id in (select release_id from wanted)
),
probed as (
  update assignments a set probe_deployment_id = $2, probe_round = $5, probe_check = c.health_check
  from wanted w join checked c using (release_id)
  where a.tenant = $1 and a.node_id = w.node_id and a.module_name = $4 and a.release_id = w.release_id
  returning a.node_id
),
changed as (select distinct node_id from probed),
${bumpChanged}
select 1`,
);

const endAll = statement(
  'end_probes',
  `
with ended as (
  update assignments set probe_deployment_id = null, probe_round = null, probe_check = null
  where tenant = $1 and probe_deployment_id = $2
  returning node_id
),
changed as (select distinct node_id from ended),
${bumpUnawaited}
select node_id from ended limit 1`,
);

/** Round under which a node reports the health that a deployment's step asked for. @internal */
export function probeRound(deploymentId: string, step: number): string {
  return `${deploymentId}:${step}`;
}

/** @internal */
export async function probeRelease(
  session: Session,
  target: Target,
  change: Extract<Change, { kind: 'probe' }>,
): Promise<void> {
  const { tenant, deploymentId, moduleName } = target;
  const round = probeRound(deploymentId, change.step);
  await session.execute(probe, [
    tenant,
    deploymentId,
    toMultirange(change.nodes),
    moduleName,
    change.releaseId,
    round,
    JSON.stringify(change.check),
  ]);
}

/** @internal */
export async function probeBaseline(
  session: Session,
  target: Target,
  change: Extract<Change, { kind: 'probeBaseline' }>,
): Promise<void> {
  const { tenant, deploymentId, moduleName } = target;
  const round = probeRound(deploymentId, change.step);
  await session.execute(probeBaselines, [
    tenant,
    deploymentId,
    toMultirange(change.nodes),
    moduleName,
    round,
    JSON.stringify(defaultHealthCheck),
  ]);
}

/** `false` when no node was probing. @internal */
export async function endProbes(session: Session, target: Target): Promise<boolean> {
  return (await session.query(endAll, [target.tenant, target.deploymentId])).length > 0;
}
