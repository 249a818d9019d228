import { noMetrics, noMirrorTally, type MirrorTally, type VariantMetrics } from '@hotswap/core';
import type { SimulatedMetrics } from '@hotswap/protocol';
import { activePeriod, isActiveAt, type ActivePeriod } from './active-period.ts';
import { latencyOf, type LatencyStretch } from './scripted-latency.ts';
import type { TrafficShare } from './traffic-share.ts';

/** What calls of one release are like at a moment, with every default filled in. */
interface CallRates extends Omit<LatencyStretch, 'calls'> {
  readonly requestsPerSecond: number;
  readonly errorRatePercent: number;
  readonly crashRatePercent: number;
  readonly peakMemoryBytes: number;
}

/** A stretch of time over which nothing about the calls of a release changes. */
interface Stretch extends CallRates {
  readonly beginsMs: number;
  readonly calls: number;
}

const usual: CallRates = {
  requestsPerSecond: 100,
  errorRatePercent: 0,
  crashRatePercent: 0,
  averageMs: 20,
  p95Ms: 24,
  p99Ms: 26,
  peakMemoryBytes: 1_048_576,
};

/**
 * The calls that a script describes: the module's requests, divided between the releases by the share of traffic that
 * each has at the moment.
 * @internal
 */
export class ScriptedCalls {
  readonly #script: readonly (ActivePeriod & { readonly of: 'new' | 'old'; readonly metrics: SimulatedMetrics })[];
  readonly #share: TrafficShare;

  constructor(script: readonly SimulatedMetrics[], share: TrafficShare) {
    this.#script = script.map((metrics) => ({ ...activePeriod(metrics), of: metrics.release ?? 'new', metrics }));
    this.#share = share;
  }

  /** What a source would say of `[fromMs, toMs)`. */
  metrics(release: 'new' | 'old', fromMs: number, toMs: number): VariantMetrics {
    const stretches = this.stretches(release, fromMs, toMs);
    const samples = Math.round(stretches.reduce((sum, { calls }) => sum + calls, 0));
    if (samples === 0) return noMetrics;
    const mean = (of: (stretch: Stretch) => number): number =>
      stretches.reduce((sum, stretch) => sum + of(stretch) * stretch.calls, 0) /
      stretches.reduce((sum, { calls }) => sum + calls, 0);
    const most = (of: (stretch: Stretch) => number): number => Math.max(...stretches.map(of));
    return {
      ...noMetrics,
      samples,
      errorRatePercent: mean((stretch) => Math.max(stretch.errorRatePercent, stretch.crashRatePercent)),
      crashRatePercent: mean((stretch) => stretch.crashRatePercent),
      latency: latencyOf(stretches),
      peakMemoryBytes: most((stretch) => stretch.peakMemoryBytes),
    };
  }

  /** What routers would have counted of copies: those that fail of the new version crash or, as errors, answer differently. */
  mirrored(percent: number, fromMs: number, toMs: number): MirrorTally {
    const counts = { samples: 0, different: 0, failed: 0 };
    for (const { calls, beginsMs } of this.stretches('old', fromMs, toMs)) {
      const { errorRatePercent, crashRatePercent } = this.#ratesAt('new', beginsMs);
      const copies = (calls * percent) / 100;
      counts.samples += copies;
      counts.failed += (copies * crashRatePercent) / 100;
      counts.different += (copies * Math.max(0, errorRatePercent - crashRatePercent)) / 100;
    }
    const [failed, different] = [Math.round(counts.failed), Math.round(counts.different)];
    const equal = Math.max(0, Math.round(counts.samples) - failed - different);
    return { ...noMirrorTally, equal, different, failed };
  }

  /** Calls of a release in a time, cut wherever its share or the script changes. */
  stretches(release: 'new' | 'old', fromMs: number, toMs: number): readonly Stretch[] {
    const edges = new Set([fromMs, toMs]);
    const within = (atMs: number): boolean => atMs > fromMs && atMs < toMs;
    for (const { atMs } of this.#share.points) if (within(atMs)) edges.add(atMs);
    for (const { beginsMs, endsMs } of this.#script)
      for (const atMs of [beginsMs, endsMs]) if (within(atMs)) edges.add(atMs);
    const ordered = [...edges].sort((a, b) => a - b);
    return ordered.slice(0, -1).flatMap((beginsMs, i) => {
      const seconds = ((ordered[i + 1] as number) - beginsMs) / 1_000;
      const rates = this.#ratesAt(release, beginsMs);
      const percent = this.#percentAt(beginsMs);
      const calls = rates.requestsPerSecond * seconds * ((release === 'new' ? percent : 100 - percent) / 100);
      return calls > 0 ? [{ ...rates, beginsMs, calls }] : [];
    });
  }

  #percentAt(atMs: number): number {
    return this.#share.points.findLast((point) => point.atMs <= atMs)?.percent ?? 0;
  }

  #ratesAt(release: 'new' | 'old', atMs: number): CallRates {
    const found = this.#script.findLast((entry) => entry.of === release && isActiveAt(entry, atMs))?.metrics;
    // Requests come to the module, whichever release a line of the script is about.
    const requestsPerSecond =
      found?.requestsPerSecond ??
      this.#script.findLast((entry) => entry.metrics.requestsPerSecond !== undefined && isActiveAt(entry, atMs))
        ?.metrics.requestsPerSecond ??
      usual.requestsPerSecond;
    if (!found) return { ...usual, requestsPerSecond };
    const averageMs = found.latencyMs?.average ?? usual.averageMs;
    const p95Ms = found.latencyMs?.p95 ?? (found.latencyMs ? averageMs * 1.2 : usual.p95Ms);
    return {
      requestsPerSecond,
      errorRatePercent: found.errorRatePercent ?? 0,
      crashRatePercent: found.crashRatePercent ?? 0,
      averageMs,
      p95Ms,
      p99Ms: found.latencyMs?.p99 ?? (found.latencyMs ? p95Ms * 1.1 : usual.p99Ms),
      peakMemoryBytes: found.peakMemoryMb === undefined ? usual.peakMemoryBytes : found.peakMemoryMb * 1_048_576,
    };
  }
}
