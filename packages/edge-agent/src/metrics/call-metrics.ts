import {
  isHotSwapError,
  latencyBucket,
  type HttpVersionStats,
  type ModuleStats,
  type ReleaseCallDelta,
} from '@hotswap/core';
import { mergeDeltas } from './merge-deltas.ts';
import { HttpCallCounts, type HttpCalls } from './http-call-counts.ts';
import { ReportedUsage } from './reported-usage.ts';

/** How a call ended, as metrics count it (D-11). @internal */
export type CallOutcome = 'ok' | 'error' | 'crash';

/** Calls that never reached the guest, or that their caller gave up: they say nothing about the release. */
const notCounted: ReadonlySet<string> = new Set([
  'HS_RUNTIME_INVALID_ARGUMENT',
  'HS_RUNTIME_UNKNOWN_EXPORT',
  'HS_RUNTIME_UNSUPPORTED',
  'HS_RUNTIME_NOT_A_COMMAND',
  'HS_RUNTIME_INPUT_LIMIT',
  'HS_RUNTIME_QUEUE_FULL',
  'HS_RUNTIME_CANCELLED',
  'HS_RUNTIME_SIGNAL_HANDLER_REPLACED',
]);

/**
 * What a failed call counts as, or `undefined` when it does not count. A guest that broke in a way that has no name here
 * has crashed: a release must not look well because its failure is new.
 * @internal
 */
export function outcomeOfFailure(error: unknown): CallOutcome | undefined {
  if (!isHotSwapError(error) || error.code === 'HS_RUNTIME_GUEST_ERROR') return 'error';
  return error.code.startsWith('HS_AGENT_') || notCounted.has(error.code) ? undefined : 'crash';
}

/** Figures of a loaded module that its runtime keeps. @internal */
export type MeteredStats = Pick<ModuleStats, 'peakMemoryBytes' | 'memoryRefusals'> &
  Partial<Pick<ModuleStats, 'cpuMs' | 'fuelUsed' | 'metrics' | 'gauges'>>;

/** Buckets beyond an hour share the last one. */
const bucketCount = 256;

/**
 * Counts the calls of one release between two reports. Recording allocates nothing.
 * @internal
 */
export class ReleaseCallRecorder {
  readonly moduleName: string;
  readonly releaseId: string;
  readonly #stats: () => MeteredStats;
  readonly #buckets = new Uint32Array(bucketCount);
  #calls = 0;
  #errors = 0;
  #crashes = 0;
  #sumMs = 0;
  #sumSquaresMs2 = 0;
  readonly #usage = new ReportedUsage();
  #reportedRefusals = 0;
  #reportedPeakBytes = 0;

  constructor(moduleName: string, releaseId: string, stats: () => MeteredStats) {
    this.moduleName = moduleName;
    this.releaseId = releaseId;
    this.#stats = stats;
  }

  /** Largest memory of one instance so far. */
  get peakMemoryBytes(): number {
    return this.#stats().peakMemoryBytes;
  }

  record(durationMs: number, outcome: CallOutcome): void {
    this.#calls++;
    if (outcome !== 'ok') this.#errors++;
    if (outcome === 'crash') this.#crashes++;
    this.#sumMs += durationMs;
    this.#sumSquaresMs2 += durationMs * durationMs;
    const bucket = Math.min(latencyBucket(durationMs), bucketCount - 1);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
  }

  /** Counts requests that the runtime has answered by itself. */
  add(calls: HttpCalls): void {
    this.#calls += calls.calls;
    this.#errors += calls.errors;
    this.#crashes += calls.crashes;
    this.#sumMs += calls.latencySumMs;
    this.#sumSquaresMs2 += calls.latencySumSquaresMs2;
    for (const [index, count] of Object.entries(calls.latencyBuckets)) {
      const bucket = Math.min(Number(index), bucketCount - 1);
      this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + count;
    }
  }

  /** What came since the last time, `undefined` when nothing did; counting starts anew. */
  take(): ReleaseCallDelta | undefined {
    const stats = this.#stats();
    const { peakMemoryBytes, memoryRefusals } = stats;
    const refused = memoryRefusals - this.#reportedRefusals;
    const isQuiet = this.#calls === 0 && refused === 0 && peakMemoryBytes === this.#reportedPeakBytes;
    if (isQuiet && !this.#usage.isCounting(stats)) return undefined;
    const latencyBuckets: Record<string, number> = {};
    this.#buckets.forEach((count, bucket) => {
      if (count > 0) latencyBuckets[bucket] = count;
    });
    const delta: ReleaseCallDelta = {
      moduleName: this.moduleName,
      releaseId: this.releaseId,
      calls: this.#calls,
      errors: this.#errors,
      crashes: this.#crashes,
      latencySumMs: this.#sumMs,
      latencySumSquaresMs2: this.#sumSquaresMs2,
      latencyBuckets,
      peakMemoryBytes,
      memoryRefusals: refused,
      ...this.#usage.take(stats),
    };
    this.#calls = this.#errors = this.#crashes = 0;
    this.#sumMs = this.#sumSquaresMs2 = 0;
    this.#buckets.fill(0);
    this.#reportedRefusals = memoryRefusals;
    this.#reportedPeakBytes = peakMemoryBytes;
    return delta;
  }
}

/**
 * Calls of all releases on the node.
 * @internal
 */
export class CallMetrics {
  readonly #recorders = new Set<ReleaseCallRecorder>();
  readonly #http: HttpCallCounts;
  #left: ReleaseCallDelta[] = [];
  #onCounted: ((delta: ReleaseCallDelta) => void) | undefined;

  readonly #onHttpCrashes: (calls: HttpCalls) => void;

  /**
   * @param httpStats counters of requests that the runtime answers by itself. Default: there are none
   * @param onHttpCrashes told of those that crashed, some time later. Default: nobody is
   */
  constructor(
    httpStats: () => readonly HttpVersionStats[] = () => [],
    onHttpCrashes: (calls: HttpCalls) => void = () => undefined,
  ) {
    this.#http = new HttpCallCounts(httpStats);
    this.#onHttpCrashes = onHttpCrashes;
  }

  /** Starts counting for a release that was loaded. */
  recorder(moduleName: string, releaseId: string, stats: () => MeteredStats): ReleaseCallRecorder {
    const recorder = new ReleaseCallRecorder(moduleName, releaseId, stats);
    this.#recorders.add(recorder);
    return recorder;
  }

  /** Ends counting for a release that is closed; what it has counted goes out with the next report. */
  remove(recorder: ReleaseCallRecorder): void {
    if (!this.#recorders.has(recorder)) return;
    this.countHttp();
    this.#recorders.delete(recorder);
    this.#count(recorder.take());
  }

  /** Has everything that is counted told once to somebody who sums it up. */
  follow(onCounted: (delta: ReleaseCallDelta) => void): void {
    this.#onCounted = onCounted;
  }

  /** Counts up to now without reporting: what came goes out with the next report all the same. */
  collect(): void {
    this.#left = mergeDeltas(this.take());
  }

  /** Largest memory by loaded release. */
  memory(): readonly Pick<ReleaseCallDelta, 'moduleName' | 'peakMemoryBytes'>[] {
    return [...this.#recorders].map(({ moduleName, peakMemoryBytes }) => ({ moduleName, peakMemoryBytes }));
  }

  /** Everything since the last time. */
  take(): readonly ReleaseCallDelta[] {
    this.countHttp();
    for (const recorder of this.#recorders) this.#count(recorder.take());
    const deltas = this.#left;
    this.#left = [];
    return mergeDeltas(deltas);
  }

  #count(delta: ReleaseCallDelta | undefined): void {
    if (delta === undefined) return;
    this.#onCounted?.(delta);
    this.#left.push(delta);
  }

  /**
   * Takes up what the runtime has counted by itself: before a release leaves its slot, because its counters go with it.
   */
  countHttp(): void {
    for (const calls of this.#http.take()) {
      const { moduleName, releaseId } = calls;
      if (calls.crashes > 0) this.#onHttpCrashes(calls);
      const isMeant = (one: ReleaseCallRecorder): boolean =>
        one.moduleName === moduleName && one.releaseId === releaseId;
      const recorder = [...this.#recorders].findLast(isMeant);
      if (recorder === undefined) this.#count({ ...calls, peakMemoryBytes: 0, memoryRefusals: 0 });
      else recorder.add(calls);
    }
  }
}
