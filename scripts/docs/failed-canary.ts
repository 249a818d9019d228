import type { JournalEntry } from '@hotswap/core';
import { canary } from '@hotswap/strategy-canary';
import { simulateRollout } from '@hotswap/testing';
import { importSource } from './repository.ts';

/** A canary over twenty nodes whose health check begins to fail at its second stage, on the production engine. */
async function failedCanary(): Promise<readonly JournalEntry[]> {
  const simulation = await simulateRollout({
    strategies: [canary()],
    config: { stages: [10, 50, 100], evaluationPeriod: 'PT5M' },
    script: { healthy: (node, releaseId) => releaseId === 'v1' || node.region === 'us-east' },
    nodes: { 'us-east': 4, 'us-west': 8 },
  });
  return simulation.journal();
}

/** Its journal as `hotswap why` tells it. */
export async function failedCanaryStory(): Promise<readonly string[]> {
  const { explainEntry } = await importSource<{ explainEntry: (entry: JournalEntry) => string }>(
    'packages/server/src/deployments/explain-entry.ts',
  );
  return (await failedCanary()).map(
    (entry) => `${new Date(entry.at).toISOString().slice(11, 23)}  ${explainEntry(entry)}`,
  );
}

/** The entry that ends the failed step, whole. */
export async function failedCanaryEntry(): Promise<string> {
  const failed = (await failedCanary()).find((entry) => entry.type === 'ended' && !entry.result.ok);
  return JSON.stringify(failed, null, 2).replaceAll(/\[\s+(\d+),\s+(\d+)\s+\]/g, '[$1, $2]');
}
