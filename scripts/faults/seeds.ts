import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SeedChunk, SeedFailure, SeedResult } from './seed-result.ts';

/** What a range of seeds came to. */
export interface SeedReport {
  readonly seeds: number;
  readonly failures: readonly SeedFailure[];
  /** How many seeds came by something that happened. */
  readonly covered: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

/** Which seeds are tried, and who hears of them. */
export interface SeedRun {
  readonly count: number;
  readonly from: number;
  /** File that exports `strategyCases`. */
  readonly cases: URL;
  readonly onFailure: (failure: SeedFailure) => void;
  /** Told every now and then: `through` is the first seed that is not through, from which a run can go on. */
  readonly onProgress: (done: number, through: number, perSecond: number) => void;
}

/** Small enough that little is lost when a run is ended, large enough that handing them out costs nothing. */
const chunkSize = 100;
const progressMs = 10_000;

/** Tries seeds in threads of their own, one for each core, and tells of each that breaks an invariant the moment it does. */
export async function trySeeds(run: SeedRun): Promise<SeedReport> {
  const began = performance.now();
  const ledger = new SeedLedger(run);
  const progress = setInterval(() => ledger.tell(performance.now() - began), progressMs);
  try {
    const threads = Math.min(availableParallelism(), Math.ceil(run.count / chunkSize));
    await Promise.all(Array.from({ length: threads }, () => work(ledger, run.cases)));
  } finally {
    clearInterval(progress);
  }
  return { ...ledger.result(), tookMs: performance.now() - began };
}

/** Which seeds are handed out, and what came back. */
class SeedLedger {
  readonly #run: SeedRun;
  readonly #failures: SeedFailure[] = [];
  readonly #covered = new Map<string, number>();
  /** First seeds of the chunks that are being tried. */
  readonly #open = new Set<number>();
  #next: number;
  #done = 0;

  constructor(run: SeedRun) {
    this.#run = run;
    this.#next = run.from;
  }

  /** `null` when every seed has been handed out. */
  take(): SeedChunk | null {
    const end = this.#run.from + this.#run.count;
    if (this.#next >= end) return null;
    const chunk = { from: this.#next, to: Math.min(end, this.#next + chunkSize) };
    this.#next = chunk.to;
    this.#open.add(chunk.from);
    return chunk;
  }

  put({ from, to }: SeedChunk, { failures, covered }: SeedResult): void {
    this.#open.delete(from);
    this.#done += to - from;
    for (const failure of failures) {
      this.#failures.push(failure);
      this.#run.onFailure(failure);
    }
    for (const [what, count] of Object.entries(covered))
      this.#covered.set(what, (this.#covered.get(what) ?? 0) + count);
  }

  tell(elapsedMs: number): void {
    this.#run.onProgress(this.#done, Math.min(this.#next, ...this.#open), (1_000 * this.#done) / elapsedMs);
  }

  result(): Omit<SeedReport, 'tookMs'> {
    const covered = Object.fromEntries([...this.#covered].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { seeds: this.#done, failures: this.#failures.toSorted((a, b) => a.seed - b.seed), covered };
  }
}

/** One thread, given chunk after chunk until none is left. */
function work(ledger: SeedLedger, cases: URL): Promise<void> {
  const worker = new Worker(new URL('./seed-worker.ts', import.meta.url), {
    workerData: cases.href,
    execArgv: process.execArgv,
  });
  return new Promise((resolve, reject) => {
    let chunk = ledger.take();
    const next = (): void => {
      if (chunk) worker.postMessage(chunk);
      else void worker.terminate().then(() => resolve());
    };
    worker.on('message', (result: SeedResult) => {
      if (chunk) ledger.put(chunk, result);
      chunk = ledger.take();
      next();
    });
    worker.on('error', reject);
    next();
  });
}
