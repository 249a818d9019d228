import type { DeploymentSummary } from '@hotswap/core';
import { abTesting } from '@hotswap/strategy-ab-testing';
import { healthyMetrics, simulateRollout } from '@hotswap/testing';

const simulation = await simulateRollout({
  strategies: [abTesting()],
  config: {
    variantBPercentage: 20,
    experimentDuration: 'PT2H',
    winnerCriteria: { metric: 'avg_latency_ms', threshold: 10, comparison: 'lower_is_better' },
    minimumSampleSize: 1000,
  },
  metrics: ({ variant, since, now }) => {
    const averageMs = variant === 'v2' ? 15 : 25;
    const latency = { averageMs, varianceMs2: 900, p50Ms: averageMs, p95Ms: 60, p99Ms: 90 };
    return { ...healthyMetrics, samples: Math.floor((now - since) / 1_000), latency };
  },
});
export const ended: DeploymentSummary = (await simulation.state()).summary;
