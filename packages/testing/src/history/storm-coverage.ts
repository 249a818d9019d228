import type { JournalEntry } from '@hotswap/core';

/** What a journal is an example of: how its strategy ended, and from which step it went back. @internal */
export function* coverageOf(entries: readonly JournalEntry[]): Generator<string, void, undefined> {
  const [created] = entries;
  if (created?.type !== 'created') return;
  const { strategy } = created.spec;
  const closed = entries.findLast((entry) => entry.type === 'closed');
  yield `${strategy} ends as ${closed?.status ?? 'what it waits for'}`;
  let running = 'nothing';
  for (const entry of entries) {
    if (entry.type === 'began') running = entry.effect.kind;
    if (entry.type === 'turned' && entry.to === 'rollback') yield `${strategy} goes back from ${running}`;
    if (entry.type === 'turned' && entry.outcome?.verdict) yield `${strategy} finds for ${entry.outcome.verdict}`;
    if (entry.type === 'command') yield `${strategy} is told to ${entry.command}`;
  }
}

/** Where a rollout stands: its strategy, and what it is at. @internal */
export function placeOf(entries: readonly JournalEntry[]): string | null {
  const [created] = entries;
  const last = entries.findLast((entry) => entry.type === 'began' || entry.type === 'closed');
  if (created?.type !== 'created' || last?.type === 'closed') return null;
  return `${created.spec.strategy} at ${last?.effect.kind ?? 'its beginning'}`;
}
