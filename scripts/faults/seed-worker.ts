import { parentPort, workerData } from 'node:worker_threads';
import { rollOutBySeed, type SeededStrategy } from '@hotswap/testing';
import type { SeedChunk, SeedFailure, SeedResult } from './seed-result.ts';

async function tryChunk({ from, to }: SeedChunk, strategies: readonly SeededStrategy[]): Promise<SeedResult> {
  const failures: SeedFailure[] = [];
  const counts = new Map<string, number>();
  for (let seed = from; seed < to; seed++) {
    const { violations, story, covered } = await rollOutBySeed(seed, strategies);
    if (violations.length > 0) failures.push({ seed, story, violations });
    for (const what of covered) counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return { failures, covered: Object.fromEntries(counts) };
}

const { strategyCases } = (await import(workerData as string)) as { strategyCases: readonly SeededStrategy[] };
parentPort?.on('message', (chunk: SeedChunk) => {
  void tryChunk(chunk, strategyCases).then((result) => parentPort?.postMessage(result));
});
