import type { DeploymentId, DeploymentSummary, Instant } from '../model/deployment.ts';
import type { Change } from '../rollout/change.ts';
import type { EntryHash, JournalEntry } from '../rollout/journal-entry.ts';

/**
 * Everything that one decision of the engine writes for one deployment.
 * @public
 */
export interface JournalBatch {
  readonly tenant: string;
  readonly deploymentId: DeploymentId;
  /** Hash of the last entry that the decision was based on; `genesisHash` for a new journal. */
  readonly expectedHead: EntryHash;
  /** Chained entries, the first one's `previousHash` being `expectedHead`; at least one. */
  readonly entries: readonly JournalEntry[];
  readonly changes: readonly Change[];
  /** The deployment's row after these entries. */
  readonly summary: DeploymentSummary;
  /** When to look at the deployment again, if nothing happens before; absent: only on an event. */
  readonly wakeAt?: Instant;
}

/**
 * Append-only journals with the fleet state that belongs to them.
 * @public
 */
export interface JournalStore {
  /**
   * Entries in order, from the start or after a sequence number; empty when there are none.
   * Reads must see every append that was acknowledged before (no stale replica).
   */
  read(tenant: string, deploymentId: DeploymentId, afterSeq?: number): Promise<readonly JournalEntry[]>;

  /**
   * Writes all batches or nothing, in one transaction, with the jobs that wake the deployments.
   * More than one batch is given when executing a deployment ends an older one's retention.
   * @throws HS_JOURNAL_CONFLICT when a journal's head is not the expected one any more; nothing was written.
   * @throws HS_DEPLOYMENT_ACTIVE from an `open` whose module has an active deployment in an overlapping region set.
   * @throws HS_DEPLOYMENT_EXISTS from an `open` whose id is taken.
   */
  append(batches: readonly JournalBatch[]): Promise<void>;
}
