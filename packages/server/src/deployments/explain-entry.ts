import { JournalExplainer, type JournalEntry } from '@hotswap/core';
import type { JournalEntryView } from '@hotswap/protocol';

/**
 * Journal lines on the wire, each with what happened as a sentence. Has to be given the entries in order.
 * @internal
 */
export class JournalTeller {
  readonly #explainer = new JournalExplainer();

  /** Listens to entries that are not shown, for the sake of those that are. */
  hear(entries: readonly JournalEntry[]): void {
    for (const entry of entries) this.#explainer.explain(entry);
  }

  tell(entry: JournalEntry): JournalEntryView {
    const { seq, at, actor, hash, previousHash, ...event } = entry;
    return {
      seq,
      at: new Date(at).toISOString(),
      actor,
      type: entry.type,
      explanation: this.#explainer.explain(entry),
      entry: event as JournalEntryView['entry'],
      hash,
      previousHash,
    };
  }
}
