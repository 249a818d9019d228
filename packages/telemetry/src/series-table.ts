import type { MetricLabels } from './metric-labels.ts';

/** Series of one metric by the values of its labels. Finding a known one makes no objects: requests wait for it. @internal */
export class SeriesTable<Series> {
  readonly #labelNames: readonly string[];
  readonly #make: (labels: MetricLabels) => Series;
  readonly #series = new Map<string, Series>();

  constructor(labelNames: readonly string[], make: (labels: MetricLabels) => Series) {
    this.#labelNames = labelNames;
    this.#make = make;
  }

  of(labels: MetricLabels): Series {
    let key = '';
    for (const name of this.#labelNames) key += `${labels[name] ?? ''}\n`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.#make(labels);
      this.#series.set(key, series);
    }
    return series;
  }

  all(): readonly Series[] {
    return [...this.#series.values()];
  }
}
