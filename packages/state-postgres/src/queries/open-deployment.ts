import { hotSwapError, type Change, type JournalBatch } from '@hotswap/core';
import { statement, type Session, type Statement } from '../database/session.ts';
import { holdingStatuses, movingStatuses } from './deployment-statuses.ts';

const takeLock = statement('lock_module', `select pg_advisory_xact_lock(hashtextextended($1, 0))`);

const findActive = (which: 'holding' | 'moving', statuses: string): Statement =>
  statement(
    `find_${which}_deployment`,
    `
select deployment_id as "deploymentId", status from deployments
where tenant = $1 and module_name = $2 and deployment_id <> $3 and status in ${statuses}
  and (regions is null or $4::text[] is null or regions && $4::text[])
order by ordinal limit 1`,
  );
const findAgainst: Readonly<Record<'holding' | 'moving', Statement>> = {
  holding: findActive('holding', holdingStatuses),
  moving: findActive('moving', movingStatuses),
};

const insertDeployment = statement(
  'insert_deployment',
  `
insert into deployments (tenant, deployment_id, module_name, module_id, release_id, strategy, regions, author, spec,
  head, head_seq, summary, status, stuck_at, retained_until, wake_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
on conflict (deployment_id) do nothing`,
);

/** Whoever asks for the same module waits until this transaction has ended. @internal */
export async function lockModule(session: Session, tenant: string, moduleName: string): Promise<void> {
  await session.query(takeLock, [`${tenant}/${moduleName}`]);
}

/**
 * Refuses when another deployment of the module is in one of the statuses in an overlapping region set. Whoever asks at
 * the same time for the same module waits until this transaction has ended.
 * @throws HS_DEPLOYMENT_ACTIVE naming the other one
 * @internal
 */
export async function claimModule(
  session: Session,
  claim: {
    readonly tenant: string;
    readonly moduleName: string;
    readonly deploymentId: string;
    readonly regions: readonly string[] | null;
    readonly against: 'holding' | 'moving';
  },
): Promise<void> {
  const { tenant, moduleName, deploymentId, regions, against } = claim;
  await lockModule(session, tenant, moduleName);
  const [active] = await session.query<{ deploymentId: string; status: string }>(findAgainst[against], [
    tenant,
    moduleName,
    deploymentId,
    regions,
  ]);
  if (active) throw hotSwapError('HS_DEPLOYMENT_ACTIVE', { ...active, moduleName });
}

/**
 * Inserts the deployment's row as the batch leaves it.
 * @throws HS_DEPLOYMENT_ACTIVE, HS_DEPLOYMENT_EXISTS
 * @internal
 */
export async function openDeployment(
  session: Session,
  batch: JournalBatch,
  { spec }: Extract<Change, { kind: 'open' }>,
): Promise<void> {
  const { tenant, deploymentId, moduleName, regions } = spec;
  await claimModule(session, { tenant, moduleName, deploymentId, regions, against: 'holding' });
  const inserted = await session.execute(insertDeployment, [
    tenant,
    deploymentId,
    moduleName,
    spec.moduleId,
    spec.releaseId,
    spec.strategy,
    regions,
    spec.author,
    JSON.stringify(spec),
    ...summaryColumns(batch),
  ]);
  if (inserted === 0) throw hotSwapError('HS_DEPLOYMENT_EXISTS', { deploymentId });
}

/** Head, its number, and the row's view of the summary, in the order of the statements that write them. @internal */
export function summaryColumns({ entries, summary, wakeAt }: JournalBatch): readonly unknown[] {
  const last = entries.at(-1);
  return [
    last?.hash,
    last?.seq,
    JSON.stringify(summary),
    summary.status,
    timeOf(summary.stuckAt),
    timeOf(summary.retainedUntil),
    timeOf(wakeAt),
  ];
}

const timeOf = (instant: number | undefined): Date | null => (instant === undefined ? null : new Date(instant));
