import {
  genesisHash,
  hotSwapError,
  type Change,
  type DeploymentId,
  type JournalBatch,
  type JournalEntry,
  type JournalStore,
} from '@hotswap/core';
import { applyChange } from './apply-change.ts';
import { isActive, type DeploymentRow, type MemoryDatabase, type NodeRow } from './memory-database.ts';

const overlap = (a: readonly string[] | null, b: readonly string[] | null): boolean =>
  a === null || b === null || a.some((region) => b.includes(region));

/**
 * Journals in memory, for embedding without a database and for tests. Entries go through JSON text, as they would in a
 * real store.
 * @public
 */
export class MemoryJournalStore implements JournalStore {
  readonly #database: MemoryDatabase;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async read(tenant: string, deploymentId: DeploymentId, afterSeq = -1): Promise<readonly JournalEntry[]> {
    const rows = this.#database.journals.get(`${tenant}/${deploymentId}`) ?? [];
    return rows.slice(afterSeq + 1).map((text) => JSON.parse(text) as JournalEntry);
  }

  async append(batches: readonly JournalBatch[]): Promise<void> {
    // Nothing below awaits, so what is checked first still holds when it is written.
    for (const batch of batches) this.#check(batch);
    const undo = this.#snapshot();
    const altered = new Set<NodeRow>();
    try {
      for (const batch of batches) this.#write(batch, altered);
    } catch (thrown) {
      undo();
      throw thrown;
    }
    for (const { tenant, deploymentId, wakeAt } of batches)
      if (wakeAt !== undefined) this.#database.onWake({ tenant, deploymentId, at: wakeAt });
    if (altered.size > 0) this.#database.onDesired([...altered]);
  }

  #check(batch: JournalBatch): void {
    const { tenant, deploymentId, expectedHead } = batch;
    const opening = batch.changes.find((change) => change.kind === 'open');
    if (opening) this.#checkOpening(opening);
    const last = this.#database.journals.get(`${tenant}/${deploymentId}`)?.at(-1);
    const head = last === undefined ? genesisHash : (JSON.parse(last) as JournalEntry).hash;
    if (head !== expectedHead) throw hotSwapError('HS_JOURNAL_CONFLICT', { deploymentId });
  }

  #checkOpening({ spec }: Extract<Change, { kind: 'open' }>): void {
    const { deploymentId, tenant, moduleName, regions } = spec;
    if (this.#database.deployments.has(deploymentId)) throw hotSwapError('HS_DEPLOYMENT_EXISTS', { deploymentId });
    for (const row of this.#database.deployments.values()) {
      if (
        row.spec.tenant !== tenant ||
        row.spec.moduleName !== moduleName ||
        !isActive(row) ||
        !overlap(row.spec.regions, regions)
      )
        continue;
      throw hotSwapError('HS_DEPLOYMENT_ACTIVE', {
        deploymentId: row.spec.deploymentId,
        moduleName,
        status: row.summary.status,
      });
    }
  }

  #write(batch: JournalBatch, altered: Set<NodeRow>): void {
    const { tenant, deploymentId } = batch;
    const key = `${tenant}/${deploymentId}`;
    const rows = this.#database.journals.get(key) ?? [];
    this.#database.journals.set(key, rows);
    const opening = batch.changes.find((change) => change.kind === 'open');
    if (opening)
      this.#database.deployments.set(deploymentId, { spec: opening.spec, summary: batch.summary, targets: [] });
    const row = this.#database.deployments.get(deploymentId);
    if (!row) throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId });
    for (const change of batch.changes) applyChange({ database: this.#database, row, altered }, change);
    row.summary = batch.summary;
    for (const entry of batch.entries) rows.push(JSON.stringify(entry));
  }

  /** How to undo what a refused batch may have begun: only `freeze` can refuse, and it changes little. */
  #snapshot(): () => void {
    const { deployments, journals, outbox } = this.#database;
    const rows = new Map<DeploymentId, DeploymentRow>([...deployments].map(([id, row]) => [id, { ...row }]));
    const lengths = new Map([...journals].map(([key, texts]) => [key, texts.length]));
    const sent = outbox.length;
    return () => {
      for (const [id, row] of [...deployments]) {
        const before = rows.get(id);
        if (before) Object.assign(row, before);
        else deployments.delete(id);
      }
      for (const [key, texts] of journals) texts.length = lengths.get(key) ?? 0;
      outbox.length = sent;
      this.#database.version++;
    };
  }
}
