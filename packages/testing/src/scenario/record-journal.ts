import type { JournalEntry } from '@hotswap/core';

/** A journal as text, one entry a line: the form of golden journals. @public */
export function journalLines(entries: readonly JournalEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
}

/** Reads what {@link journalLines} wrote. @public */
export function parseJournalLines(text: string): readonly JournalEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JournalEntry);
}

/** What happened, without when and by whom: equal for two runs that decided alike. @public */
export function journalEvents(entries: readonly JournalEntry[]): readonly object[] {
  return entries.map(({ seq: _seq, at: _at, actor: _actor, hash: _hash, previousHash: _previous, ...event }) => event);
}

/** A journal in a few words per entry, for messages and eyes. @public */
export function journalOutline(entries: readonly JournalEntry[]): readonly string[] {
  return entries.map((entry) => {
    switch (entry.type) {
      case 'began':
        return `began ${entry.effect.kind}`;
      case 'ended':
        return entry.result.ok ? 'ended' : `failed: ${entry.result.failure.message}`;
      case 'command':
        return entry.command;
      case 'held':
        return `held: ${entry.why}`;
      case 'turned':
        return `turned to ${entry.to}`;
      case 'closed':
        return `closed: ${entry.status}`;
      default:
        return entry.type;
    }
  });
}
