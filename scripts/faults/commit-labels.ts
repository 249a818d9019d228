import type { JournalEntryView } from '@hotswap/protocol';

/**
 * One label for each commit of a journal, by which the server can be told to die there (`killingFailpoint` of the server).
 * An entry with that label comes in every run that does the same, in whatever commit: a moment by its label cannot fail to
 * come, as the n-th commit of a run can.
 */
export function commitLabels(entries: readonly JournalEntryView[]): readonly string[] {
  // Entries of one commit share its time.
  const commits = Map.groupBy(entries, (entry) => entry.at);
  return [...commits.values()].flatMap((commit) => {
    const last = commit.findLast(({ type }) => type !== 'moved' && type !== 'command');
    return last === undefined ? [] : [labelOf(last)];
  });
}

function labelOf({ type, entry }: JournalEntryView): string {
  const { step, to } = entry as { readonly step?: number; readonly to?: string };
  if (type === 'turned') return `turned-${to ?? ''}`;
  return step === undefined ? type : `${type}-${String(step)}`;
}
