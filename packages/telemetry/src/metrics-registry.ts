import { Registry, type Metric } from 'prom-client';
import { BucketHistogram, type HistogramSample } from './bucket-histogram.ts';
import type { MetricLabels } from './metric-labels.ts';
import { SeriesTable } from './series-table.ts';
import { SketchHistogram } from './sketch-histogram.ts';

/** One value that is read when somebody asks. @public */
export interface MetricSample {
  /** Default none. */
  readonly labels?: MetricLabels;
  readonly value: number;
}

/** A counter that is raised where something happens. @public */
export interface CountingMetric {
  /** Raises the series by so much. Default 1. */
  add(labels?: MetricLabels, by?: number): void;
}

/** Distribution of durations, in seconds. @public */
export interface DurationMetric {
  /** Takes one duration up. */
  observe(labels: MetricLabels, seconds: number): void;
}

/** Upper bounds for answers of an API, in seconds. */
const apiSeconds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Everything that one process tells of itself, as Prometheus text. Names end as Prometheus wants them: counters in
 * `_total`, durations in seconds, sizes in bytes.
 * @public
 */
export class MetricsRegistry {
  /** Media type of {@link MetricsRegistry.text}. */
  readonly contentType: string;
  readonly #registry = new Registry();

  constructor() {
    this.contentType = this.#registry.contentType;
  }

  /** `initial`: series that are shown as 0 from the start, so that their first rise is seen. Default none. */
  counter(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
    initial: readonly MetricLabels[] = [],
  ): CountingMetric {
    const table = new SeriesTable(labelNames, (labels) => ({ labels, value: 0 }));
    for (const labels of initial) table.of(labels);
    // One without labels is there from the start.
    if (labelNames.length === 0) table.of({});
    this.#register(name, help, 'counter', () => table.all());
    return {
      add: (labels = {}, by = 1) => {
        table.of(labels).value += by;
      },
    };
  }

  /** `bounds`: upper bounds of the buckets in seconds. Default 5 ms to 30 s. */
  durations(
    name: string,
    help: string,
    labelNames: readonly string[] = [],
    bounds: readonly number[] = apiSeconds,
  ): DurationMetric {
    const histogram = new BucketHistogram(labelNames, bounds);
    this.#histogram(name, help, histogram);
    return histogram;
  }

  /** A histogram that takes up durations which others have counted into latency sketches. */
  sketches(name: string, help: string, labelNames: readonly string[] = []): SketchHistogram {
    const histogram = new SketchHistogram(labelNames);
    this.#histogram(name, help, histogram);
    return histogram;
  }

  /** Values that are read when somebody asks. A reader that fails leaves its series out, which is better than old values. */
  gauge(
    name: string,
    help: string,
    read: () => readonly MetricSample[] | number | Promise<readonly MetricSample[] | number>,
  ): void {
    this.#read(name, help, 'gauge', read);
  }

  /** A counter that something else keeps, read when somebody asks; as {@link MetricsRegistry.gauge}. */
  counted(
    name: string,
    help: string,
    read: () => readonly MetricSample[] | number | Promise<readonly MetricSample[] | number>,
  ): void {
    this.#read(name, help, 'counter', read);
  }

  /** The exposition, version 0.0.4. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #histogram(name: string, help: string, histogram: { samples(): readonly HistogramSample[] }): void {
    this.#register(name, help, 'histogram', () =>
      histogram.samples().map(({ suffix, ...sample }) => ({ ...sample, metricName: `${name}_${suffix}` })),
    );
  }

  #read(
    name: string,
    help: string,
    type: 'gauge' | 'counter',
    read: () => readonly MetricSample[] | number | Promise<readonly MetricSample[] | number>,
  ): void {
    this.#register(name, help, type, async () => {
      try {
        const values = await read();
        return typeof values === 'number' ? [{ value: values }] : values;
      } catch {
        return [];
      }
    });
  }

  #register(
    name: string,
    help: string,
    type: string,
    read: () => readonly ExpositionSample[] | Promise<readonly ExpositionSample[]>,
  ): void {
    const get = async (): Promise<object> => ({ name, help, type, aggregator: 'sum', values: await read() });
    // What the registry asks of a metric; its types name classes, of which none reads on demand.
    this.#registry.registerMetric({ name, get } as unknown as Metric);
  }
}

interface ExpositionSample extends MetricSample {
  readonly metricName?: string;
}
