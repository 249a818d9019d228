import assert from 'node:assert/strict';
import { replayJournal, type JournalEntry, type Strategy } from '@hotswap/core';

/** Every beginning of a journal leads to what the journal says next. @internal */
export function assertReplays(entries: readonly JournalEntry[], strategies: readonly Strategy<unknown>[]): void {
  for (let length = 1; length < entries.length; length++) {
    const next = entries[length];
    const { next: position } = replayJournal(entries.slice(0, length), strategies);
    if (next?.type === 'turned' && next.to === 'retention') {
      assert.equal(position?.kind, 'returned', `after ${length} entries`);
      return;
    }
    if (next?.type === 'turned' || next?.type === 'closed') return;
    if (next?.type !== 'began') continue;
    assert.deepEqual(position, { kind: 'effect', effect: next.effect }, `after ${length} entries`);
  }
}
