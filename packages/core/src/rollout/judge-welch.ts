import type { Judge } from '../contracts/judge.ts';
import type { WinnerCriteria } from '../effects/effect.ts';
import { metricMean, metricValue, type VariantMetrics } from '../model/metrics.ts';
import { improvementPercent as improvementOf } from './compare-variants.ts';

/** Two-sided 95 % of the normal distribution; from 30 samples on Student's t is close enough to it. */
const criticalZ = 1.96;
const fewestSamples = 30;
/** Relative error of a quantile that comes from a sketch, one bucket of ratio 1.1 to either side. */
const sketchErrorPercent = 10;

/**
 * For one look at the end of a fixed period; `judgeSequential` is the one for looking on and on. Decides by the configured threshold and by significance: Welch's test for mean latency, the two-proportion test for
 * rates. Quantiles and memory come without a variance; a difference within the sketch's error counts as chance.
 * @public
 */
export const judgeWelch: Judge = ({ baseline, candidate, criteria }) => {
  const before = metricValue(baseline, criteria.metric);
  const after = metricValue(candidate, criteria.metric);
  const needed = Math.max(criteria.minimumSampleSize, fewestSamples);
  if (Math.min(baseline.samples, candidate.samples) < needed) {
    return {
      verdict: 'Inconclusive',
      improvementPercent: null,
      reason: `Needs ${needed} calls of each variant, has ${baseline.samples} of A and ${candidate.samples} of B`,
    };
  }
  if (before === null || after === null)
    return { verdict: 'Inconclusive', improvementPercent: null, reason: `No value of ${criteria.metric} was reported` };
  const improvementPercent = improvementOf(before, after, criteria.comparison);
  if (Math.abs(improvementPercent) < criteria.thresholdPercent || before === after) {
    return {
      verdict: 'Inconclusive',
      improvementPercent,
      reason: `B differs by ${round(improvementPercent)} %, less than the threshold of ${criteria.thresholdPercent} %`,
    };
  }
  if (!isSignificant(baseline, candidate, criteria, before, after)) {
    return {
      verdict: 'Inconclusive',
      improvementPercent,
      reason: `B differs by ${round(improvementPercent)} %, which chance alone could explain`,
    };
  }
  const verdict = improvementPercent > 0 ? 'B' : 'A';
  return { verdict, improvementPercent, reason: `${criteria.metric} went from ${round(before)} to ${round(after)}` };
};

const round = (value: number): number => Number(value.toFixed(2));

function isSignificant(
  a: VariantMetrics,
  b: VariantMetrics,
  criteria: WinnerCriteria,
  before: number,
  after: number,
): boolean {
  switch (criteria.metric) {
    case 'avg_latency_ms': {
      const error = Math.sqrt((a.latency?.varianceMs2 ?? 0) / a.samples + (b.latency?.varianceMs2 ?? 0) / b.samples);
      return Math.abs(after - before) > criticalZ * error;
    }
    case 'error_rate':
    case 'crash_rate': {
      const pooled = (before * a.samples + after * b.samples) / 100 / (a.samples + b.samples);
      const error = Math.sqrt(pooled * (1 - pooled) * (1 / a.samples + 1 / b.samples));
      return Math.abs(after - before) / 100 > criticalZ * error;
    }
    case 'memory_refusals':
      return true;
    case 'p50_latency_ms':
    case 'p95_latency_ms':
    case 'p99_latency_ms':
    case 'peak_memory_mb':
      return Math.abs(improvementOf(before, after, criteria.comparison)) > sketchErrorPercent;
    default: {
      const [of, by] = [metricMean(a, criteria.metric)?.varianceOfMean, metricMean(b, criteria.metric)?.varianceOfMean];
      return (
        typeof of === 'number' && typeof by === 'number' && Math.abs(after - before) > criticalZ * Math.sqrt(of + by)
      );
    }
  }
}
