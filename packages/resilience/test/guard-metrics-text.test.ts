import { readFile } from 'node:fs/promises';
import { guardMetricsText, type GuardMetrics } from '@hotswap/resilience';
import { describe, expect, it } from 'vitest';

const metrics: GuardMetrics = {
  breakerState: 'Open',
  isEnabled: true,
  callsTotal: 12,
  successTotal: 8,
  failureTotal: 2,
  fallbackTotal: 4,
  skippedTotal: 2,
  successRate: 0.8,
  coldStartTimeMs: 11.5,
  moduleTimeMs: { sum: 40, p50: 3, p95: 5, p99: 6 },
  peakMemoryPages: 18,
  growFailedTotal: 1,
};

describe('guardMetricsText', () => {
  it('has the names that the alerts of an extractor know', () => {
    const text = guardMetricsText(metrics, { features: { links: 7, 'a "b"\n': 1 } });
    const values = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(values).toEqual([
      'riptide_wasm_memory_pages 18',
      'riptide_wasm_peak_memory_pages 18',
      'riptide_wasm_grow_failed_total 1',
      'riptide_wasm_cold_start_time_ms 11.5',
      'riptide_wasm_extraction_time_ms{quantile="0.5"} 3',
      'riptide_wasm_extraction_time_ms{quantile="0.95"} 5',
      'riptide_wasm_extraction_time_ms{quantile="0.99"} 6',
      'riptide_wasm_extraction_time_ms_sum 40',
      'riptide_wasm_extraction_time_ms_count 10',
      'riptide_wasm_extraction_total 12',
      'riptide_wasm_extraction_success_total 8',
      'riptide_wasm_extraction_failure_total 2',
      'riptide_wasm_extraction_fallback_total 4',
      'riptide_wasm_extraction_success_rate 0.8',
      'riptide_wasm_circuit_breaker_state 1',
      'riptide_wasm_features_total{feature="links"} 7',
      'riptide_wasm_features_total{feature="a \\"b\\"\\n"} 1',
    ]);
  });

  it.each([
    ['Closed', 0],
    ['Open', 1],
    ['HalfOpen', 2],
  ] as const)('tells %s as %s', (breakerState, number) => {
    expect(guardMetricsText({ ...metrics, breakerState }, { prefix: 'x' })).toContain(
      `x_circuit_breaker_state ${number}\n`,
    );
  });

  it('leaves out what is not known yet', () => {
    const text = guardMetricsText({ ...metrics, peakMemoryPages: null, coldStartTimeMs: null, successRate: null });
    expect(text).not.toMatch(/memory_pages|cold_start|success_rate/);
  });
});

it('has every figure that the dashboard and the alerts of an extractor ask for', async () => {
  const text = guardMetricsText(metrics, { features: { links: 1 } });
  const asked = new Set<string>();
  for (const path of ['grafana/dashboards/riptide-extraction.json', 'prometheus/rules/riptide.yml']) {
    const content = await readFile(new URL(`../../../deploy/${path}`, import.meta.url), 'utf8');
    for (const [name] of content.matchAll(/\briptide_wasm_\w+/g)) asked.add(name);
  }
  expect(asked.size).toBeGreaterThanOrEqual(11);
  expect([...asked].filter((name) => !text.includes(`# TYPE ${name} `))).toEqual([]);
});
