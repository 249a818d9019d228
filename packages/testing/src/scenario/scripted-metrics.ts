import type { MetricsQuestion, MetricsSource, VariantMetrics } from '@hotswap/core';
import type { VirtualTime } from '../time/virtual-time.ts';

/** What a metrics source is asked, and when. @public */
export type MetricsQuery = MetricsQuestion & { readonly now: number };

/** Metrics of healthy traffic, to be changed where a scenario needs it. @public */
export const healthyMetrics: VariantMetrics = {
  samples: 10_000,
  errorRatePercent: 0.1,
  crashRatePercent: 0,
  latency: { averageMs: 20, varianceMs2: 4, p50Ms: 20, p95Ms: 24, p99Ms: 26 },
  peakMemoryBytes: 1_048_576,
  memoryRefusals: 0,
  cpuMsPerCall: null,
  fuelPerCall: null,
  custom: {},
};

/** Metrics as a function of the question and the virtual time. @public */
export class ScriptedMetrics implements MetricsSource {
  readonly #time: VirtualTime;
  readonly #script: (query: MetricsQuery) => VariantMetrics;
  /** Questions asked so far. */
  readonly queries: MetricsQuery[] = [];

  constructor(time: VirtualTime, script: (query: MetricsQuery) => VariantMetrics = () => healthyMetrics) {
    this.#time = time;
    this.#script = script;
  }

  async read(query: MetricsQuestion): Promise<VariantMetrics> {
    const asked = { ...query, now: this.#time.now() };
    this.queries.push(asked);
    return this.#script(asked);
  }
}
