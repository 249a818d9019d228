import type { JournalEntry } from '@hotswap/core';
import { parseJournalLines } from '@hotswap/testing';
import { importSource, readText } from './repository.ts';

/** The journal that the explanation reads: a canary whose health check fails at its third stage. */
const goldenJournal = 'packages/strategies/canary/test/journals/v1-unhealthy.jsonl';

const entries = (): readonly JournalEntry[] => parseJournalLines(readText(goldenJournal));

/** The journal as `hotswap why` tells it. */
export async function goldenStory(): Promise<readonly string[]> {
  const { explainEntry } = await importSource<{ explainEntry: (entry: JournalEntry) => string }>(
    'packages/server/src/deployments/explain-entry.ts',
  );
  return entries().map((entry) => `${new Date(entry.at).toISOString().slice(11, 23)}  ${explainEntry(entry)}`);
}

/** The entry that ends the failed step, whole. */
export async function goldenFailure(): Promise<string> {
  const failed = entries().find((entry) => entry.type === 'ended' && !entry.result.ok);
  return JSON.stringify(failed, null, 2).replaceAll(/\[\s+(\d+),\s+(\d+)\s+\]/g, '[$1, $2]');
}
