import { latencyBucketEdgeMs, type LatencySketch } from '@hotswap/core';
import type { MetricLabels } from './metrics-registry.ts';

/** Upper bounds in seconds; the objectives (1 ms, 5 ms, 10 ms, 20 ms) are among them. */
const boundsSeconds: readonly number[] = [
  0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** A line of a histogram. @internal */
export interface HistogramSample {
  readonly suffix: 'bucket' | 'sum' | 'count';
  readonly labels: MetricLabels;
  readonly value: number;
}

interface Series {
  readonly labels: MetricLabels;
  /** Not cumulative; the last one is for everything above the bounds. */
  readonly buckets: Float64Array;
  count: number;
  sumSeconds: number;
}

/**
 * Durations that nodes have counted into sketches. A sketch's bucket, 10 % wide, goes to the bound that lies nearest above
 * its middle: no objective is missed by more than the 5 % that a sketch is exact to.
 * @public
 */
export class SketchHistogram {
  readonly #labelNames: readonly string[];
  readonly #series = new Map<string, Series>();

  /** @internal */
  constructor(labelNames: readonly string[]) {
    this.#labelNames = labelNames;
  }

  /** Adds what was counted since the last time. */
  add(labels: MetricLabels, durations: { readonly sumMs: number; readonly buckets: LatencySketch }): void {
    const series = this.#of(labels);
    for (const [index, count] of Object.entries(durations.buckets)) {
      series.buckets[boundOf(Number(index))] = (series.buckets[boundOf(Number(index))] ?? 0) + count;
      series.count += count;
    }
    series.sumSeconds += durations.sumMs / 1_000;
  }

  /** @internal */
  samples(): readonly HistogramSample[] {
    return [...this.#series.values()].flatMap(({ labels, buckets, count, sumSeconds }) => {
      let below = 0;
      const lines = boundsSeconds.map((bound, at): HistogramSample => {
        below += buckets[at] ?? 0;
        return { suffix: 'bucket', labels: { ...labels, le: String(bound) }, value: below };
      });
      return [
        ...lines,
        { suffix: 'bucket', labels: { ...labels, le: '+Inf' }, value: count },
        { suffix: 'sum', labels, value: sumSeconds },
        { suffix: 'count', labels, value: count },
      ];
    });
  }

  #of(labels: MetricLabels): Series {
    const key = JSON.stringify(this.#labelNames.map((name) => labels[name] ?? ''));
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, buckets: new Float64Array(boundsSeconds.length + 1), count: 0, sumSeconds: 0 };
      this.#series.set(key, series);
    }
    return series;
  }
}

const bounds = new Map<number, number>();

/** Index of the bound that a sketch's bucket belongs to; worked out once for each of the 256 buckets. */
function boundOf(index: number): number {
  const known = bounds.get(index);
  if (known !== undefined) return known;
  const middleSeconds = (latencyBucketEdgeMs(index - 1) + latencyBucketEdgeMs(index)) / 2_000;
  const at = boundsSeconds.findIndex((bound) => middleSeconds <= bound);
  const found = at < 0 ? boundsSeconds.length : at;
  bounds.set(index, found);
  return found;
}
