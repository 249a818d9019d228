import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { canonicalJson, genesisHash, hashEntry, verifyJournal, type JournalEntry } from '../src/index.ts';
import { chainEntries } from '../src/rollout/chain-entries.ts';

const unchained = [0, 1, 2].map(
  (seq) => ({ type: 'command', command: 'pause', reason: `n${seq}`, seq, at: seq, actor: 'test' }) as const,
);

describe('the hash chain', () => {
  it('is SHA-256 over the canonical JSON of an entry without its hash', async () => {
    const [first] = await chainEntries(genesisHash, unchained);
    const { hash, ...content } = first as JournalEntry;
    expect(hash).toBe(createHash('sha256').update(canonicalJson(content)).digest('hex'));
    expect(await hashEntry(first as JournalEntry)).toBe(hash);
  });

  it('does not depend on the order of keys', async () => {
    const reordered = unchained.map(
      (entry) => Object.fromEntries(Object.entries(entry).reverse()) as unknown as (typeof unchained)[number],
    );
    expect((await chainEntries(genesisHash, reordered)).at(-1)?.hash).toBe(
      (await chainEntries(genesisHash, unchained)).at(-1)?.hash,
    );
  });

  it('proves a journal, and names the first entry that was touched', async () => {
    const entries = await chainEntries(genesisHash, unchained);
    await verifyJournal('d', entries);
    const second = entries[1] as JournalEntry;
    const third = entries[2] as JournalEntry;
    const forged = { ...second, actor: 'somebody else' };
    for (const [journal, seq] of [
      [[entries[0], forged, third], 1],
      [[entries[0], third], 1],
      [[entries[0], { ...forged, hash: await hashEntry(forged) }, third], 2],
      [[{ ...entries[0], previousHash: 'aa' }, second, third], 0],
    ] as const) {
      await expect(verifyJournal('d', journal as readonly JournalEntry[])).rejects.toMatchObject({
        code: 'HS_JOURNAL_CORRUPT',
        details: { seq },
      });
    }
  });
});
