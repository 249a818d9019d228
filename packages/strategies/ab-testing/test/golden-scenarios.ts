import type { VariantMetrics } from '@hotswap/core';
import { abTesting } from '@hotswap/strategy-ab-testing';
import { healthyMetrics, type GoldenRollouts, type GoldenScenario, type MetricsQuery } from '@hotswap/testing';

const minute = 60_000;
const callsPerMinute = 10_000;

/** Metrics that grow with the window, minute by minute; the variants differ in their average latency. */
export function latencies(averageMs: {
  readonly a: number;
  readonly b: number;
}): (query: MetricsQuery) => VariantMetrics {
  return ({ variant, since, now }) => {
    const samples = Math.floor((now - since) / minute) * callsPerMinute;
    const average = variant === 'v2' ? averageMs.b : averageMs.a;
    const latency = { averageMs: average, varianceMs2: 400, p50Ms: average, p95Ms: average * 2, p99Ms: average * 3 };
    return { ...healthyMetrics, samples, latency: samples === 0 ? null : latency };
  };
}

/** The example of text 002: 25 ms against 15 ms. */
export const variantBWins: (query: MetricsQuery) => VariantMetrics = latencies({ a: 25, b: 15 });
const alike = latencies({ a: 25, b: 24.9 });
const short = { experimentDuration: 'PT3M' };

const scenarios: readonly GoldenScenario[] = [
  { name: 'b-won', options: { metrics: variantBWins } },
  { name: 'a-won', options: { metrics: latencies({ a: 15, b: 25 }) } },
  { name: 'inconclusive', options: { metrics: alike, config: short } },
  { name: 'extended', options: { metrics: alike, config: { ...short, onInconclusive: 'extend', maxExtensions: 2 } } },
  {
    name: 'promoted-by-hand',
    options: { metrics: alike, config: { ...short, onInconclusive: 'pause' } },
    drive: async (simulation) => {
      await simulation.time.advance(5 * minute);
      await simulation.command('retry');
      await simulation.time.advance(5 * minute);
      await simulation.command('promote');
    },
  },
  {
    name: 'unhealthy',
    options: {
      metrics: alike,
      script: { healthy: (node, releaseId) => !(releaseId === 'v2' && node.nodeId === 'us-west-5') },
    },
  },
];

export const goldenRollouts: GoldenRollouts = {
  strategies: [abTesting()],
  scenarios,
};
