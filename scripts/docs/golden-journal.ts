import { explainJournal, type JournalEntry } from '@hotswap/core';
import { parseJournalLines } from '@hotswap/testing';
import { readText } from './repository.ts';

/** The journal that the explanation reads: a canary whose health check fails at its third stage. */
const goldenJournal = 'packages/strategies/canary/test/journals/v1-unhealthy.jsonl';

const entries = (): readonly JournalEntry[] => parseJournalLines(readText(goldenJournal));

/** The journal as `hotswap why` tells it. */
export async function goldenStory(): Promise<readonly string[]> {
  const lines = entries();
  return explainJournal(lines).map((text, n) => `${new Date(lines[n]?.at ?? 0).toISOString().slice(11, 23)}  ${text}`);
}

/** The entry that ends the failed step, whole. */
export async function goldenFailure(): Promise<string> {
  const failed = entries().find((entry) => entry.type === 'ended' && !entry.result.ok);
  return JSON.stringify(failed, null, 2).replaceAll(/\[\s+(\d+),\s+(\d+)\s+\]/g, '[$1, $2]');
}
