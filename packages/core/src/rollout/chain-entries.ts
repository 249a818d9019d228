import { hotSwapError } from '../errors/hotswap-error.ts';
import { sha256Hex } from '../model/digest.ts';
import { canonicalJson } from '../model/json.ts';
import { genesisHash, type EntryHash, type JournalEntry } from './journal-entry.ts';
import type { UnchainedEntry } from './rollout-state.ts';

/** Hash of an entry: SHA-256 over the canonical JSON of everything in it but `hash`. @public */
export async function hashEntry(entry: Omit<JournalEntry, 'hash'>): Promise<EntryHash> {
  const { hash: _hash, ...content } = entry as JournalEntry;
  return sha256Hex(canonicalJson(content));
}

/** Links entries to the head that they were decided on. @internal */
export async function chainEntries(
  head: EntryHash,
  entries: readonly UnchainedEntry[],
): Promise<readonly JournalEntry[]> {
  const chained: JournalEntry[] = [];
  let previousHash = head;
  for (const entry of entries) {
    const linked = { ...entry, previousHash };
    previousHash = await hashEntry(linked);
    chained.push({ ...linked, hash: previousHash });
  }
  return chained;
}

/**
 * Proves that a whole journal is as it was written: numbers without gaps, every hash right, every link to its
 * predecessor.
 * @throws HS_JOURNAL_CORRUPT with the number of the first bad entry.
 * @public
 */
export async function verifyJournal(deploymentId: string, entries: readonly JournalEntry[]): Promise<void> {
  let previousHash = genesisHash;
  for (const [seq, entry] of entries.entries()) {
    const broken = (why: string): never => {
      throw hotSwapError('HS_JOURNAL_CORRUPT', { deploymentId, seq, why });
    };
    if (entry.seq !== seq) broken(`its number is ${entry.seq}`);
    if (entry.previousHash !== previousHash) broken('it does not follow the entry before it');
    if ((await hashEntry(entry)) !== entry.hash) broken('its content does not match its hash');
    previousHash = entry.hash;
  }
}
