import { latencyBucketEdgeMs, type LatencySketch } from '@hotswap/core';
import { BucketHistogram, type HistogramSample } from './bucket-histogram.ts';
import type { MetricLabels } from './metric-labels.ts';

/** Upper bounds in seconds; the objectives (1 ms, 5 ms, 10 ms, 20 ms) are among them. */
const boundsSeconds: readonly number[] = [
  0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/**
 * Durations that nodes have counted into sketches. A sketch's bucket, 10 % wide, goes to the bound that lies nearest above
 * its middle: no objective is missed by more than the 5 % that a sketch is exact to.
 * @public
 */
export class SketchHistogram {
  readonly #histogram: BucketHistogram;
  readonly #bounds = new Map<string, number>();

  /** @internal */
  constructor(labelNames: readonly string[]) {
    this.#histogram = new BucketHistogram(labelNames, boundsSeconds);
  }

  /** Adds what was counted since the last time. */
  add(labels: MetricLabels, durations: { readonly sumMs: number; readonly buckets: LatencySketch }): void {
    this.#histogram.add(labels, durations.sumMs / 1_000, 0, 0);
    for (const [bucket, count] of Object.entries(durations.buckets))
      this.#histogram.add(labels, 0, this.#boundOf(bucket), count);
  }

  /** @internal */
  samples(): readonly HistogramSample[] {
    return this.#histogram.samples();
  }

  /** Worked out once for each of the 256 buckets. */
  #boundOf(bucket: string): number {
    const known = this.#bounds.get(bucket);
    if (known !== undefined) return known;
    const index = Number(bucket);
    const found = this.#histogram.boundOf((latencyBucketEdgeMs(index - 1) + latencyBucketEdgeMs(index)) / 2_000);
    this.#bounds.set(bucket, found);
    return found;
  }
}
