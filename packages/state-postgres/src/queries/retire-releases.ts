import type { Change } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { bumpChanged, targetNodes } from './bump-generation.ts';
import { toMultirange } from './node-ranges.ts';

interface Target {
  readonly tenant: string;
  readonly deploymentId: string;
  readonly moduleName: string;
}

const retiring = (which: string): string => `
with ${targetNodes},
retired as (
  delete from assignments a using target t
  where a.tenant = $1 and a.node_id = t.node_id and a.module_name = $4 and ${which}
  returning a.node_id, a.weight
),
changed as (select distinct node_id from retired),
${bumpChanged}
select coalesce(bool_or(weight > 0), false) as routed from retired`;

const retireOne = statement('retire_release', retiring('a.release_id = $5'));
const retireOthers = statement('retire_replaced', retiring('a.release_id <> $5 and a.weight = 0'));

/** Takes a release away; `true` when requests were routed to it, which takes it out of the route as well. @internal */
export async function retireRelease(
  session: Session,
  target: Target,
  change: Extract<Change, { kind: 'retire' }>,
): Promise<boolean> {
  return run(session, retireOne, target, change.nodes, change.releaseId);
}

/** Takes away what the route does not name, but for the deployment's own release. @internal */
export async function retireReplaced(
  session: Session,
  target: Target,
  change: Extract<Change, { kind: 'retireReplaced' }>,
  ownReleaseId: string,
): Promise<boolean> {
  return run(session, retireOthers, target, change.nodes, ownReleaseId);
}

async function run(
  session: Session,
  sql: typeof retireOne,
  target: Target,
  nodes: Extract<Change, { kind: 'retire' }>['nodes'],
  releaseId: string,
): Promise<boolean> {
  const values = [target.tenant, target.deploymentId, toMultirange(nodes), target.moduleName, releaseId];
  const [row] = await session.query<{ routed: boolean }>(sql, values);
  return row?.routed ?? false;
}
