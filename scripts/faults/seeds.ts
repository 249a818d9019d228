import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { rollOutBySeed } from '@hotswap/testing';
import { strategyCases } from './strategy-cases.ts';

/** What a range of seeds came to. */
export interface SeedReport {
  readonly seeds: number;
  readonly failures: readonly {
    readonly seed: number;
    readonly story: readonly string[];
    readonly violations: readonly string[];
  }[];
}

interface SeedRange {
  readonly from: number;
  readonly to: number;
}

/** Workers at one time: more than this machine has cores would only fight for them. */
const workers = 2;
const progressEvery = 1_000;

/** Tries seeds in threads of their own, and names each that breaks an invariant the moment it does. */
export async function trySeeds(seeds: number): Promise<SeedReport> {
  const size = Math.ceil(seeds / workers);
  const reports = await Promise.all(
    Array.from({ length: workers }, (_, n) => inWorker({ from: n * size, to: Math.min(seeds, (n + 1) * size) })),
  );
  return { seeds, failures: reports.flatMap(({ failures }) => failures) };
}

async function inWorker(range: SeedRange): Promise<SeedReport> {
  const worker = new Worker(new URL(import.meta.url), { workerData: range, execArgv: process.execArgv });
  return new Promise((resolve, reject) => {
    worker.on('message', resolve);
    worker.on('error', reject);
  });
}

async function tryRange({ from, to }: SeedRange): Promise<SeedReport> {
  const failures: SeedReport['failures'][number][] = [];
  for (let seed = from; seed < to; seed++) {
    const { violations, story } = await rollOutBySeed(seed, strategyCases);
    if (violations.length > 0) {
      failures.push({ seed, story, violations });
      console.error(
        `  FAILED    seed ${String(seed)}: ${story.join('; ')}\n            ${violations.join('\n            ')}`,
      );
    }
    if ((seed + 1 - from) % progressEvery === 0)
      console.error(`  seeds ${String(from)} to ${String(seed)} are through`);
  }
  return { seeds: to - from, failures };
}

if (!isMainThread) parentPort?.postMessage(await tryRange(workerData as SeedRange));
