import { describe, expect, it } from 'vitest';
import { judgeWelch, type MetricName, type VariantMetrics, type WinnerCriteria } from '../src/index.ts';

const variant = (
  more: Partial<VariantMetrics> & { readonly averageMs?: number; readonly varianceMs2?: number } = {},
): VariantMetrics => {
  const { averageMs = 20, varianceMs2 = 100, ...rest } = more;
  return {
    samples: 2_000,
    errorRatePercent: 1,
    crashRatePercent: 0,
    latency: { averageMs, varianceMs2, p50Ms: averageMs, p95Ms: averageMs * 2, p99Ms: averageMs * 3 },
    peakMemoryBytes: 1_048_576,
    memoryRefusals: 0,
    cpuMsPerCall: null,
    fuelPerCall: null,
    custom: {},
    ...rest,
  };
};
const criteria = (metric: MetricName = 'avg_latency_ms', more: Partial<WinnerCriteria> = {}): WinnerCriteria => ({
  metric,
  comparison: 'lower_is_better',
  thresholdPercent: 10,
  minimumSampleSize: 1_000,
  ...more,
});

describe('the welch judge', () => {
  it.each([
    ['B is faster by more than the threshold', variant(), variant({ averageMs: 17 }), criteria(), 'B', 15],
    ['B is slower', variant(), variant({ averageMs: 23 }), criteria(), 'A', -15],
    ['the difference is below the threshold', variant(), variant({ averageMs: 18.5 }), criteria(), 'Inconclusive', 7.5],
    [
      'the variance explains the difference',
      variant({ varianceMs2: 90_000 }),
      variant({ averageMs: 17, varianceMs2: 90_000 }),
      criteria(),
      'Inconclusive',
      15,
    ],
    [
      'higher is better',
      variant(),
      variant({ averageMs: 23 }),
      criteria('avg_latency_ms', { comparison: 'higher_is_better' }),
      'B',
      15,
    ],
    [
      'errors fall significantly',
      variant({ errorRatePercent: 4 }),
      variant({ errorRatePercent: 1 }),
      criteria('error_rate'),
      'B',
      75,
    ],
    [
      'errors fall by chance',
      variant({ errorRatePercent: 0.1 }),
      variant({ errorRatePercent: 0.05 }),
      criteria('error_rate'),
      'Inconclusive',
      50,
    ],
    [
      'errors appear where there were none',
      variant({ errorRatePercent: 0 }),
      variant({ errorRatePercent: 2 }),
      criteria('error_rate'),
      'A',
      -100,
    ],
    [
      'both are equal with no threshold',
      variant(),
      variant(),
      criteria('avg_latency_ms', { thresholdPercent: 0 }),
      'Inconclusive',
      0,
    ],
    [
      'a quantile falls by more than the error of its sketch',
      variant(),
      variant({ averageMs: 16 }),
      criteria('p99_latency_ms'),
      'B',
      20,
    ],
    [
      'a quantile falls within the error of its sketch',
      variant(),
      variant({ averageMs: 18.4 }),
      criteria('p99_latency_ms', { thresholdPercent: 5 }),
      'Inconclusive',
      8,
    ],
    ['memory is refused', variant(), variant({ memoryRefusals: 3 }), criteria('memory_refusals'), 'A', -100],
  ] as const)('%s', (_, baseline, candidate, by, verdict, improvementPercent) => {
    const judged = judgeWelch({ baseline, candidate, criteria: by });
    expect(judged.verdict).toBe(verdict);
    expect(judged.improvementPercent).toBeCloseTo(improvementPercent, 6);
    expect(judged.reason).not.toBe('');
  });

  it('never decides on too few calls, whoever asks for fewer', () => {
    const few = variant({ samples: 29, averageMs: 1 });
    expect(
      judgeWelch({
        baseline: variant(),
        candidate: few,
        criteria: criteria('avg_latency_ms', { minimumSampleSize: 0 }),
      }),
    ).toMatchObject({ verdict: 'Inconclusive', improvementPercent: null });
    expect(judgeWelch({ baseline: variant({ samples: 999 }), candidate: variant(), criteria: criteria() }).reason).toBe(
      'Needs 1000 calls of each variant, has 999 of A and 2000 of B',
    );
  });

  it('never decides on what was not measured', () => {
    expect(
      judgeWelch({ baseline: variant(), candidate: variant({ latency: null }), criteria: criteria() }),
    ).toMatchObject({ verdict: 'Inconclusive', reason: 'No value of avg_latency_ms was reported' });
  });
});
