import type { GuardMetrics } from './guard-metrics.ts';
import type { BreakerState } from './guard-options.ts';

/** What the text says besides the guard's own figures. @public */
export interface MetricsTextOptions {
  /** What all names begin with: letters, digits and `_`. Default `riptide_wasm`. */
  readonly prefix?: string;
  /** How often something was found, by what it is, e.g. `{ links: 12 }`: counters with the label `feature`. Default none. */
  readonly features?: Readonly<Record<string, number>>;
}

/** As alerts compare it. */
const stateNumbers: Readonly<Record<BreakerState, number>> = { Closed: 0, Open: 1, HalfOpen: 2 };

/**
 * The figures of a guard as Prometheus text, version 0.0.4, for the `/metrics` of the program that has it. Figures that are
 * not known yet are left out. Memory is of the instance that has had most: an instance serves one call, so what it has and
 * what it had most are the same.
 * @public
 */
export function guardMetricsText(metrics: GuardMetrics, options: MetricsTextOptions = {}): string {
  const { prefix = 'riptide_wasm', features = {} } = options;
  const { moduleTimeMs: time, peakMemoryPages } = metrics;
  const asked = metrics.successTotal + metrics.failureTotal;
  const lines = [
    ...family(`${prefix}_memory_pages`, 'gauge', 'Memory of an instance in pages of 64 KiB.', [['', peakMemoryPages]]),
    ...family(`${prefix}_peak_memory_pages`, 'gauge', 'Most memory of an instance so far.', [['', peakMemoryPages]]),
    ...family(`${prefix}_grow_failed_total`, 'counter', 'Growths of memory that were refused.', [
      ['', metrics.growFailedTotal],
    ]),
    ...family(`${prefix}_cold_start_time_ms`, 'gauge', 'Time that loading the module took.', [
      ['', metrics.coldStartTimeMs],
    ]),
    ...family(`${prefix}_extraction_time_ms`, 'summary', 'Time of the module for one call.', [
      ['{quantile="0.5"}', time.p50],
      ['{quantile="0.95"}', time.p95],
      ['{quantile="0.99"}', time.p99],
      ['_sum', time.sum],
      ['_count', asked],
    ]),
    ...family(`${prefix}_extraction_total`, 'counter', 'Calls, whoever answered.', [['', metrics.callsTotal]]),
    ...family(`${prefix}_extraction_success_total`, 'counter', 'Calls that the module answered.', [
      ['', metrics.successTotal],
    ]),
    ...family(`${prefix}_extraction_failure_total`, 'counter', 'Calls that the module failed at.', [
      ['', metrics.failureTotal],
    ]),
    ...family(`${prefix}_extraction_fallback_total`, 'counter', 'Calls that the fallback answered.', [
      ['', metrics.fallbackTotal],
    ]),
    ...family(`${prefix}_extraction_success_rate`, 'gauge', 'Share of the asked calls that succeeded, 0 to 1.', [
      ['', metrics.successRate],
    ]),
    ...family(`${prefix}_circuit_breaker_state`, 'gauge', '0 is Closed, 1 Open, 2 HalfOpen.', [
      ['', stateNumbers[metrics.breakerState]],
    ]),
    ...family(
      `${prefix}_features_total`,
      'counter',
      'What was found.',
      Object.entries(features).map(([feature, count]) => [`{feature="${escaped(feature)}"}`, count] as const),
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Lines of one metric; none when nothing of it is known. */
function family(
  name: string,
  type: 'gauge' | 'counter' | 'summary',
  help: string,
  values: readonly (readonly [suffix: string, value: number | null])[],
): readonly string[] {
  const known = values.filter(([, value]) => value !== null);
  if (known.length === 0) return [];
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...known.map(([suffix, value]) => `${name}${suffix} ${value}`),
  ];
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
