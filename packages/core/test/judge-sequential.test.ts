import { describe, expect, it } from 'vitest';
import {
  differenceInterval,
  judgeSequential,
  latencyBucket,
  latencyBucketEdgeMs,
  logEvidenceAgainst,
  logEvidenceOfUnequal,
  logEvidenceOfUnequalQuantiles,
  metricMean,
  noMetrics,
  onlyFinite,
  proportionInterval,
  quantileInterval,
  type MetricName,
  type VariantMetrics,
  type WinnerCriteria,
} from '../src/index.ts';

const variant = (averageMs: number, more: Partial<VariantMetrics> = {}): VariantMetrics => ({
  ...noMetrics,
  samples: 5_000,
  errorRatePercent: 1,
  crashRatePercent: 0,
  latency: { averageMs, varianceMs2: 100, p50Ms: averageMs, p95Ms: averageMs * 2, p99Ms: averageMs * 3 },
  ...more,
});
const criteria = (metric: MetricName = 'avg_latency_ms', more: Partial<WinnerCriteria> = {}): WinnerCriteria => ({
  ...{ metric, comparison: 'lower_is_better', thresholdPercent: 10, minimumSampleSize: 1_000 },
  ...more,
});
const orders = (mean: number, varianceOfMean: number | null): Partial<VariantMetrics> => ({
  custom: { orders: { count: 100, mean, varianceOfMean } },
});
const ordersDecide = criteria('custom:orders', { comparison: 'higher_is_better' });

describe('the sequential judge', () => {
  it.each<[string, VariantMetrics, VariantMetrics, WinnerCriteria, string, number | null]>([
    ['B is faster by more than the threshold', variant(20), variant(15), criteria(), 'B', 25],
    ['B is slower', variant(20), variant(25), criteria(), 'A', -25],
    ['the difference is real but below the threshold', variant(20), variant(19), criteria(), 'Inconclusive', 5],
    [
      'chance explains the difference',
      variant(20, { samples: 1_000, latency: { averageMs: 20, varianceMs2: 9_000, p50Ms: 1, p95Ms: 1, p99Ms: 1 } }),
      variant(17, { samples: 1_000, latency: { averageMs: 17, varianceMs2: 9_000, p50Ms: 1, p95Ms: 1, p99Ms: 1 } }),
      criteria(),
      'Inconclusive',
      15,
    ],
    [
      'errors vanish',
      variant(20, { errorRatePercent: 2 }),
      variant(20, { errorRatePercent: 0 }),
      criteria('error_rate'),
      'B',
      100,
    ],
    [
      'errors appear',
      variant(20, { errorRatePercent: 0 }),
      variant(20, { errorRatePercent: 2 }),
      criteria('error_rate'),
      'A',
      -100,
    ],
    [
      'two errors more are chance',
      variant(20, { errorRatePercent: 0.02 }),
      variant(20, { errorRatePercent: 0.06 }),
      criteria('error_rate'),
      'Inconclusive',
      -200,
    ],
    [
      'a business counter rises',
      variant(20, orders(0.1, 1e-6)),
      variant(20, orders(0.12, 1e-6)),
      ordersDecide,
      'B',
      20,
    ],
    [
      'its spread is not known',
      variant(20, orders(0.1, null)),
      variant(20, orders(0.2, null)),
      ordersDecide,
      'Inconclusive',
      null,
    ],
    ['one variant does not report it', variant(20, orders(0.1, 1e-6)), variant(20), ordersDecide, 'Inconclusive', null],
    ['a quantile has no sketch', variant(20), variant(10), criteria('p95_latency_ms'), 'Inconclusive', null],
    [
      'a peak has no spread',
      variant(20, { peakMemoryBytes: 9 }),
      variant(20, { peakMemoryBytes: 1 }),
      criteria('peak_memory_mb'),
      'Inconclusive',
      null,
    ],
    [
      'nothing was measured',
      noMetrics,
      noMetrics,
      criteria('error_rate', { minimumSampleSize: 0 }),
      'Inconclusive',
      null,
    ],
    ['too few calls of B', variant(20), variant(5, { samples: 999 }), criteria(), 'Inconclusive', null],
    [
      'too few calls for a mean, whoever asks for fewer',
      variant(20),
      variant(5, { samples: 99 }),
      criteria('avg_latency_ms', { minimumSampleSize: 1 }),
      'Inconclusive',
      null,
    ],
  ])('%s', (_, baseline, candidate, by, verdict, improvementPercent) => {
    const judged = judgeSequential({ baseline, candidate, criteria: by });
    expect(judged).toMatchObject({
      verdict,
      facts: { metric: by.metric, samples: { a: baseline.samples, b: candidate.samples } },
    });
    if (improvementPercent === null) expect(judged.improvementPercent).toBeNull();
    else expect(judged.improvementPercent).toBeCloseTo(improvementPercent, 6);
  });

  it('asks for more evidence at a smaller significance level', () => {
    const [a, b] = [variant(20, { errorRatePercent: 3 }), variant(20, { errorRatePercent: 1.5 })];
    const at = (significanceLevel: number) =>
      judgeSequential({ baseline: a, candidate: b, criteria: criteria('error_rate', { significanceLevel }) }).verdict;
    expect([at(0.05), at(1e-9)]).toEqual(['B', 'Inconclusive']);
  });
});

describe('intervals that hold at every look', () => {
  it('of a difference are tightest, by their own measure, where they are tuned for', () => {
    const wider = (samples: number): number => {
      const of = { count: samples, mean: 0, varianceOfMean: 1 / samples };
      const interval = differenceInterval(of, of, { alpha: 0.05, tunedForSamples: 1_000 });
      return (interval?.high ?? 0) / Math.sqrt(2 / samples);
    };
    expect(wider(1_000)).toBeLessThan(wider(100));
    expect(wider(1_000)).toBeLessThan(wider(100_000));
    // One look at a fixed time would take 1.96.
    expect(wider(1_000)).toBeGreaterThan(1.96);
    expect(wider(1_000)).toBeLessThan(4);
  });

  it('of a difference are points for what never varies, and unknown without a variance', () => {
    const fixed = (mean: number) => ({ count: 1_000, mean, varianceOfMean: 0 });
    const options = { alpha: 0.05, tunedForSamples: 100 };
    expect(differenceInterval(fixed(3), fixed(5), options)).toEqual({ low: 2, high: 2 });
    expect(differenceInterval(fixed(3), { ...fixed(5), varianceOfMean: null }, options)).toBeNull();
  });

  it('of a probability hold what was observed and narrow with the trials', () => {
    expect(proportionInterval(0, 0, 0.05)).toEqual({ low: 0, high: 1 });
    expect(proportionInterval(0, 100, 0.05)).toMatchObject({ low: 0 });
    expect(proportionInterval(100, 100, 0.05)).toMatchObject({ high: 1 });
    const widths = [100, 1_000, 10_000].map((trials) => {
      const { low, high } = proportionInterval(trials / 10, trials, 0.05);
      expect(low).toBeLessThan(0.1);
      expect(high).toBeGreaterThan(0.1);
      return high - low;
    });
    expect(widths).toEqual([...widths].sort((a, b) => b - a));
  });

  it('of a probability end where the evidence against it reaches one in alpha', () => {
    const { low, high } = proportionInterval(30, 1_000, 0.05);
    for (const edge of [low, high]) expect(logEvidenceAgainst(edge, 30, 1_000)).toBeCloseTo(Math.log(20), 4);
    expect(logEvidenceAgainst(0, 1, 10)).toBe(Infinity);
    expect(logEvidenceAgainst(0.03, 30, 1_000)).toBeLessThan(0);
  });

  it('tell two probabilities apart with fewer trials than an interval of each', () => {
    const [a, b] = [
      { hits: 40, trials: 2_000 },
      { hits: 100, trials: 2_000 },
    ];
    expect(logEvidenceOfUnequal(a, b)).toBeGreaterThan(Math.log(20));
    expect(proportionInterval(40, 2_000, 0.025).high).toBeGreaterThan(proportionInterval(100, 2_000, 0.025).low);
    expect(logEvidenceOfUnequal(a, a)).toBeLessThan(0);
    expect(logEvidenceOfUnequal(a, { hits: 0, trials: 0 })).toBeLessThan(Math.log(20));
    expect(logEvidenceOfUnequal({ hits: 0, trials: 0 }, { hits: 0, trials: 0 })).toBe(0);
    expect(logEvidenceOfUnequal({ hits: 0, trials: 500 }, { hits: 500, trials: 500 })).toBeGreaterThan(100);
  });

  it('tell quantiles apart by the counts of both sketches, and nothing from an empty one', () => {
    const around = (ms: number) => ({ [latencyBucket(ms)]: 900, [latencyBucket(ms * 4)]: 100 });
    expect(logEvidenceOfUnequalQuantiles(around(10), around(10), 0.5)).toBeLessThan(0);
    expect(logEvidenceOfUnequalQuantiles(around(10), around(14), 0.5)).toBeGreaterThan(Math.log(20));
    expect(logEvidenceOfUnequalQuantiles(around(10), {}, 0.5)).toBe(0);
  });

  it('of a quantile are edges of buckets around it, and open where nothing bounds it', () => {
    const sketch = { [latencyBucket(1)]: 500, [latencyBucket(10)]: 450, [latencyBucket(100)]: 50 };
    const median = quantileInterval(sketch, 0.3, 0.05);
    expect(median?.low).toBe(0);
    expect(median?.high).toBeGreaterThanOrEqual(1);
    expect(median?.high).toBeLessThan(10);
    expect(quantileInterval({ [latencyBucket(5)]: 3 }, 0.99, 0.05)).toEqual({ low: 0, high: Infinity });
    expect(quantileInterval({}, 0.5, 0.05)).toBeNull();
    const wide = quantileInterval(sketch, 0.95, 0.05);
    expect(wide?.low).toBeLessThan(10);
    expect(wide?.high).toBeGreaterThanOrEqual(latencyBucketEdgeMs(latencyBucket(10)));
  });
});

describe('figures that are none', () => {
  it('count as not measured', () => {
    const broken: VariantMetrics = {
      ...variant(Number.NaN),
      errorRatePercent: Infinity,
      cpuMsPerCall: Number.NaN,
      cpuVarianceOfMean: Number.NaN,
      custom: {
        bad: { count: 1, mean: Number.NaN, varianceOfMean: 0 },
        good: { count: 1, mean: 2, varianceOfMean: Number.NaN },
      },
    };
    expect(onlyFinite(broken)).toEqual({
      ...noMetrics,
      samples: 5_000,
      crashRatePercent: 0,
      cpuVarianceOfMean: null,
      custom: { good: { count: 1, mean: 2, varianceOfMean: null } },
    });
    expect(onlyFinite({ ...noMetrics, samples: Number.NaN }).samples).toBe(0);
  });

  it('have means with their uncertainty where they are means', () => {
    const metrics = { ...variant(20), cpuMsPerCall: 3, cpuVarianceOfMean: 0.1, fuelPerCall: 7 };
    expect(metricMean(metrics, 'avg_latency_ms')).toEqual({ count: 5_000, mean: 20, varianceOfMean: 0.02 });
    expect(metricMean(metrics, 'cpu_ms_per_call')).toEqual({ count: 5_000, mean: 3, varianceOfMean: 0.1 });
    expect(metricMean(metrics, 'fuel_per_call')).toEqual({ count: 5_000, mean: 7, varianceOfMean: null });
    expect(metricMean(metrics, 'p95_latency_ms')).toBeNull();
  });
});
