import {
  genesisHash,
  hotSwapError,
  type DeploymentId,
  type Failpoint,
  type JournalBatch,
  type JournalEntry,
  type JournalStore,
} from '@hotswap/core';
import { changeChannel, type ChangeHint } from './database/change-feed.ts';
import type { Database } from './database/database.ts';
import { statement, type Session } from './database/session.ts';
import { toText } from './database/to-jsonb.ts';
import { actOfEntries } from './queries/act-of-entries.ts';
import { planWake } from './database/wake-queue.ts';
import { applyChange, type ChangeTarget } from './queries/apply-change.ts';
import { openDeployment, summaryColumns } from './queries/open-deployment.ts';

/** Moments of an append at which a test can end the process. @internal */
export const journalFailpoints = ['journal.append.before-commit', 'journal.append.after-commit'] as const;

const readEntries = statement(
  'journal_read',
  `
select entry from journal_entries where deployment_id = $2 and tenant = $1 and seq > $3 order by seq`,
);

/** The compare-and-set: finds no row when the head is another one. */
const moveHead = statement(
  'journal_move_head',
  `
update deployments set head = $4, head_seq = $5, summary = $6, status = $7, stuck_at = $8, retained_until = $9, wake_at = $10,
  updated_at = clock_timestamp()
where tenant = $1 and deployment_id = $2 and head = $3
returning module_name as "moduleName", release_id as "releaseId"`,
);

const insertEntries = statement(
  'journal_insert',
  `
insert into journal_entries (tenant, deployment_id, seq, type, at, actor, hash, entry)
select $1, $2, e.* from unnest($3::int[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::json[]) as e`,
  actOfEntries,
);

const sendHints = statement('send_hints', `select pg_notify('${changeChannel}', hint) from unnest($1::text[]) as hint`);

/**
 * Journals in Postgres or PGlite. The fleet's desired state, the jobs that wake deployments and the hints to other
 * servers are written in the same transaction as the entries.
 * @public
 */
export class PostgresJournalStore implements JournalStore {
  readonly #database: Database;
  readonly #failpoint: Failpoint;

  /** `failpoint` is for tests; it is called with the names of `journalFailpoints`. */
  constructor(database: Database, options: { readonly failpoint?: Failpoint } = {}) {
    this.#database = database;
    this.#failpoint = options.failpoint ?? (() => undefined);
  }

  async read(tenant: string, deploymentId: DeploymentId, afterSeq: number = -1): Promise<readonly JournalEntry[]> {
    const rows = await this.#database.query<{ entry: JournalEntry }>(readEntries, [tenant, deploymentId, afterSeq]);
    return rows.map(({ entry }) => entry);
  }

  async append(batches: readonly JournalBatch[]): Promise<void> {
    for (const batch of batches) checkChain(batch);
    await this.#database.transaction(async (session) => {
      const targets = await this.#claim(session, batches);
      const hints: ChangeHint[] = [];
      for (const batch of batches)
        hints.push(...(await this.#write(session, batch, targets.get(batch) as ChangeTarget)));
      await session.query(sendHints, [[...new Set(hints.map((hint) => JSON.stringify(hint)))]]);
      this.#failpoint('journal.append.before-commit', batches);
    });
    this.#failpoint('journal.append.after-commit', batches);
  }

  /** Moves all heads first, in order of their ids: two appends over the same deployments then wait, and do not deadlock. */
  async #claim(session: Session, batches: readonly JournalBatch[]): Promise<ReadonlyMap<JournalBatch, ChangeTarget>> {
    const targets = new Map<JournalBatch, ChangeTarget>();
    for (const batch of batches.toSorted((a, b) => (a.deploymentId < b.deploymentId ? -1 : 1))) {
      targets.set(batch, await claimHead(session, batch));
    }
    return targets;
  }

  async #write(session: Session, batch: JournalBatch, target: ChangeTarget): Promise<readonly ChangeHint[]> {
    const { tenant, deploymentId, entries, changes, wakeAt } = batch;
    await session.execute(insertEntries, [
      tenant,
      deploymentId,
      entries.map((entry) => entry.seq),
      entries.map((entry) => entry.type),
      entries.map((entry) => new Date(entry.at)),
      entries.map((entry) => toText(entry.actor)),
      entries.map((entry) => entry.hash),
      entries.map((entry) => JSON.stringify(entry)),
    ]);
    const hints: ChangeHint[] = [{ topic: 'deployment', tenant, deploymentId }];
    for (const change of changes) {
      const effects = await applyChange(session, target, change);
      if (effects.desired) hints.push({ topic: 'desired', tenant, deploymentId });
      if (effects.route) hints.push({ topic: 'route', tenant, moduleName: target.moduleName });
    }
    if (wakeAt !== undefined) await planWake(this.#database.boss, session, { tenant, deploymentId }, wakeAt);
    return hints;
  }
}

async function claimHead(session: Session, batch: JournalBatch): Promise<ChangeTarget> {
  const { tenant, deploymentId, expectedHead } = batch;
  const opening = batch.changes.find((change) => change.kind === 'open');
  if (opening && expectedHead === genesisHash) {
    await openDeployment(session, batch, opening);
    const { moduleName, releaseId } = opening.spec;
    return { tenant, deploymentId, moduleName, releaseId };
  }
  const [row] = await session.query<{ moduleName: string; releaseId: string }>(moveHead, [
    tenant,
    deploymentId,
    expectedHead,
    ...summaryColumns(batch),
  ]);
  if (!row) throw hotSwapError('HS_JOURNAL_CONFLICT', { deploymentId });
  return { tenant, deploymentId, ...row };
}

/** A batch whose entries do not follow from one another was built wrongly, or damaged on the way. */
function checkChain({ deploymentId, expectedHead, entries }: JournalBatch): void {
  let previous: { readonly hash: string; readonly seq: number } | undefined;
  for (const entry of entries) {
    const fits = previous
      ? entry.previousHash === previous.hash && entry.seq === previous.seq + 1
      : entry.previousHash === expectedHead;
    if (!fits)
      throw hotSwapError('HS_JOURNAL_CORRUPT', {
        deploymentId,
        seq: entry.seq,
        why: 'it does not follow the entry before it',
      });
    previous = entry;
  }
  if (!previous)
    throw hotSwapError('HS_CORE_INVALID_VALUE', { what: `An append to ${deploymentId}`, why: 'it has no entries' });
}
