import type { Change, MirrorTally } from '@hotswap/core';
import { statement, type Session } from '../database/session.ts';
import { raiseRevision } from './shift-route.ts';

interface Target {
  readonly tenant: string;
  readonly deploymentId: string;
  readonly moduleName: string;
}

const insert = statement(
  'mirror_insert',
  `insert into mirrors (tenant, deployment_id, module_name, release_id, step, percent, compare) values ($1, $2, $3, $4, $5, $6, $7)`,
);

const end = statement(
  'mirror_end',
  `delete from mirrors where tenant = $1 and deployment_id = $2 returning deployment_id`,
);

const sum = statement(
  'mirror_sum',
  `
select coalesce(sum(r.equal), 0)::float8 as equal, coalesce(sum(r.different), 0)::float8 as different,
  coalesce(sum(r.failed), 0)::float8 as failed, coalesce(sum(r.skipped), 0)::float8 as skipped,
  coalesce(json_agg(r.examples order by r.instance_id), '[]') as examples
from mirrors m join mirror_reports r on r.deployment_id = m.deployment_id
where m.deployment_id = $1 and m.step = $2`,
);

/** Enough to see a pattern, few enough for a journal. */
const shownExamples = 5;

/** Routers copy requests from the next revision on. A mirror of an earlier step goes with what was counted of it. @internal */
export async function beginMirror(
  session: Session,
  { tenant, deploymentId, moduleName }: Target,
  { releaseId, step, percent, compare }: Extract<Change, { kind: 'mirror' }>,
): Promise<void> {
  await session.execute(end, [tenant, deploymentId]);
  const values = [tenant, deploymentId, moduleName, releaseId, step, percent, JSON.stringify(compare)];
  await session.execute(insert, values);
  await raiseRevision(session, tenant, moduleName);
}

/** `false` when nothing was copied. @internal */
export async function endMirror(session: Session, { tenant, deploymentId, moduleName }: Target): Promise<boolean> {
  const ended = await session.query(end, [tenant, deploymentId]);
  if (ended.length === 0) return false;
  await raiseRevision(session, tenant, moduleName);
  return true;
}

/** What all routers have counted under the step. @internal */
export async function mirrorTally(session: Session, deploymentId: string, step: number): Promise<MirrorTally> {
  const [row] = await session.query<
    Omit<MirrorTally, 'examples'> & { readonly examples: readonly MirrorTally['examples'][] }
  >(sum, [deploymentId, step]);
  const { equal = 0, different = 0, failed = 0, skipped = 0, examples = [] } = row ?? {};
  return { equal, different, failed, skipped, examples: examples.flat().slice(0, shownExamples) };
}
