import {
  noMetrics,
  type MeanEstimate,
  type MetricsQuestion,
  type MetricsSource,
  type VariantMetrics,
} from '@hotswap/core';
import { askPrometheus } from './ask-prometheus.ts';
import { readOptions, type PrometheusOptions, type PrometheusSettings } from './prometheus-options.ts';
import { fillQuery } from './query-template.ts';

/** An answer that is taken again, and the question that is on its way. */
interface Remembered {
  value: number | null;
  /** Monotonic time of the answer; `undefined` before the first. */
  answeredAt: number | undefined;
  pending: Promise<void> | undefined;
}

/** Questions whose answers are remembered; the oldest of too many goes. */
const mostRemembered = 1_000;
/** Age from which on an answer is waited for instead of taken: by then it says nothing about now. */
const oldestMs = 30_000;

/**
 * Answers the queries of rollback triggers by a Prometheus server. An engine asks at every report of a node; the server is
 * asked once in `cacheMs` for each question, and an answer that is being renewed is taken as it was, so that no rollout,
 * and no way back, waits for a slow server.
 * @public
 */
export class PrometheusMetricsSource implements MetricsSource {
  readonly settleMs: number;
  readonly #settings: PrometheusSettings;
  readonly #remembered = new Map<string, Remembered>();

  /** @throws HS_CONFIG_PROMETHEUS_INVALID */
  constructor(options: PrometheusOptions) {
    this.#settings = readOptions(options);
    this.settleMs = this.#settings.settleMs;
  }

  /** Only `queries` are answered, in `custom`; what has no answer is left out. */
  async read(question: MetricsQuestion): Promise<VariantMetrics> {
    const answers = await Promise.all(
      Object.entries(question.queries ?? {}).map(
        async ([name, query]) => [name, await this.#answer(query, question)] as const,
      ),
    );
    const custom: Record<string, MeanEstimate> = {};
    for (const [name, value] of answers)
      if (value !== null) custom[name] = { count: 1, mean: value, varianceOfMean: null };
    return { ...noMetrics, custom };
  }

  async #answer(query: string, question: MetricsQuestion): Promise<number | null> {
    const known = this.#recall(query, question);
    const ageMs = known.answeredAt === undefined ? Infinity : performance.now() - known.answeredAt;
    if (ageMs > this.#settings.cacheMs) {
      known.pending ??= this.#ask(query, question)
        .then((value) => Object.assign(known, { value, answeredAt: performance.now() }))
        .then(() => void (known.pending = undefined));
      if (ageMs > oldestMs) await known.pending;
    }
    return known.value;
  }

  #recall(query: string, { tenant, deploymentId, variant, since, nodeIds = [] }: MetricsQuestion): Remembered {
    const key = JSON.stringify([tenant, deploymentId, variant, since, nodeIds.length, query]);
    const known = this.#remembered.get(key);
    if (known) return known;
    const fresh: Remembered = { value: null, answeredAt: undefined, pending: undefined };
    this.#remembered.set(key, fresh);
    const oldest = this.#remembered.size > mostRemembered ? this.#remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.#remembered.delete(oldest);
    return fresh;
  }

  async #ask(query: string, question: MetricsQuestion): Promise<number | null> {
    try {
      return await askPrometheus(fillQuery(query, question, Date.now()), this.#settings);
    } catch (error) {
      this.#settings.onError(error);
      return null;
    }
  }
}
