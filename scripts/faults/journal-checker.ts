import { canonicalJson } from '@hotswap/core';
import type { JournalEntryView } from '@hotswap/protocol';

/** What an entry of each type carries, as far as the checker looks at it. */
interface EntryMembers {
  readonly step?: number;
  readonly effect?: { readonly kind: string; readonly input: unknown };
}

/**
 * Holds a journal against the invariants I3 and I4: numbers without gaps, an unbroken chain, time that does not run
 * backwards, and every step begun once, ended once, in order.
 * @returns what is wrong, a sentence each; empty when nothing is
 */
export function journalViolations(entries: readonly JournalEntryView[]): string[] {
  const wrong: string[] = [];
  let previous: JournalEntryView | undefined;
  let open: number | undefined;
  let steps = 0;
  for (const [index, entry] of entries.entries()) {
    if (entry.seq !== index) wrong.push(`entry ${String(index)} has number ${String(entry.seq)}`);
    if (previous && entry.previousHash !== previous.hash)
      wrong.push(`entry ${String(index)} is not chained to the one before it`);
    if (previous && entry.at < previous.at) wrong.push(`entry ${String(index)} is earlier than the one before it`);
    const { step } = entry.entry as EntryMembers;
    if (entry.type === 'began') {
      if (step !== steps) wrong.push(`step ${String(step)} began where ${String(steps)} was due`);
      steps = (step ?? steps) + 1;
      open = step;
    } else if (entry.type === 'ended') {
      if (step !== open) wrong.push(`step ${String(step)} ended while ${String(open)} was running`);
      open = undefined;
    }
    previous = entry;
  }
  return wrong;
}

/** The effects of a journal in order, as text: equal for two runs that did the same. */
export function effectList(entries: readonly JournalEntryView[]): readonly string[] {
  return entries.flatMap((entry) => {
    const { effect } = entry.entry as EntryMembers;
    return entry.type === 'began' && effect ? [`${effect.kind} ${canonicalJson(effect.input)}`] : [];
  });
}
