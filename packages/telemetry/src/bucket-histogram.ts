import type { MetricLabels } from './metric-labels.ts';
import { SeriesTable } from './series-table.ts';

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
  sumSeconds: number;
}

/** Counts by upper bound, in seconds. @internal */
export class BucketHistogram {
  readonly #bounds: readonly number[];
  readonly #series: SeriesTable<Series>;

  constructor(labelNames: readonly string[], bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#series = new SeriesTable(labelNames, (labels) => ({
      labels,
      buckets: new Float64Array(bounds.length + 1),
      sumSeconds: 0,
    }));
  }

  observe(labels: MetricLabels, seconds: number): void {
    this.add(labels, seconds, this.boundOf(seconds), 1);
  }

  /** Index of the bound that a duration is counted under. */
  boundOf(seconds: number): number {
    let at = 0;
    while (at < this.#bounds.length && seconds > (this.#bounds[at] as number)) at++;
    return at;
  }

  /** Counts under a bound whose index is known, and adds to the sum. */
  add(labels: MetricLabels, sumSeconds: number, bound: number, count: number): void {
    const series = this.#series.of(labels);
    series.buckets[bound] = (series.buckets[bound] ?? 0) + count;
    series.sumSeconds += sumSeconds;
  }

  samples(): readonly HistogramSample[] {
    return this.#series.all().flatMap(({ labels, buckets, sumSeconds }) => {
      let below = 0;
      const lines = [...this.#bounds, '+Inf'].map((bound, at): HistogramSample => {
        below += buckets[at] ?? 0;
        return { suffix: 'bucket', labels: { ...labels, le: String(bound) }, value: below };
      });
      return [...lines, { suffix: 'sum', labels, value: sumSeconds }, { suffix: 'count', labels, value: below }];
    });
  }
}
