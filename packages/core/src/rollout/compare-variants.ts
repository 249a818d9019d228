import type { WinnerCriteria } from '../effects/effect.ts';
import type { Json } from '../model/json.ts';
import { metricMean, metricValue, type MeanEstimate, type MetricName, type VariantMetrics } from '../model/metrics.ts';
import { differenceInterval } from '../statistics/always-valid-mean.ts';
import { logEvidenceOfUnequal, type Tally } from '../statistics/always-valid-proportion.ts';
import { logEvidenceOfUnequalQuantiles, quantileInterval } from '../statistics/always-valid-quantile.ts';

/** Calls of each variant from which on their mean is near enough to a normal distribution for a sequential test. */
const fewestForMeans = 100;

const quantiles: Readonly<Partial<Record<MetricName, number>>> = {
  p50_latency_ms: 0.5,
  p95_latency_ms: 0.95,
  p99_latency_ms: 0.99,
};

/** What two variants come to in one metric. @internal */
export type Comparison =
  | { readonly unknown: string }
  | {
      readonly unknown?: undefined;
      readonly before: number;
      readonly after: number;
      /** Whether chance does not explain the difference, however often it was looked at. */
      readonly differs: boolean;
      /** Name of the method, and its bounds. */
      readonly facts: { readonly [key: string]: Json };
    };

/** @internal */
export interface ComparisonOptions {
  /** Chance of a difference between equals that is borne, over all looks together. */
  readonly alpha: number;
  /** Calls of each variant at which the test of means is strongest. */
  readonly tunedForSamples: number;
}

/** Compares two variants by the method that fits the metric; each is valid under continuous looking. @internal */
export function compareVariants(
  a: VariantMetrics,
  b: VariantMetrics,
  metric: MetricName,
  options: ComparisonOptions,
): Comparison {
  const before = metricValue(a, metric);
  const after = metricValue(b, metric);
  if (before === null || after === null || a.samples === 0 || b.samples === 0)
    return { unknown: `No value of ${metric} was reported` };
  const q = quantiles[metric];
  if (q !== undefined) return compareQuantiles(a, b, { before, after, q }, options.alpha);
  if (metric === 'error_rate' || metric === 'crash_rate') return compareRates(a, b, { before, after }, options);
  return compareMeans(a, b, metric, options);
}

/** Hits and misses of each variant from which on a rate is near enough to a normal distribution for a sequential test. */
const fewestForNormal = 50;

/**
 * Two tests share the chance of an error. The exact one holds for the rarest of crashes; the normal one needs fewer calls
 * where errors are frequent.
 */
function compareRates(
  a: VariantMetrics,
  b: VariantMetrics,
  { before, after }: { readonly before: number; readonly after: number },
  { alpha, tunedForSamples }: ComparisonOptions,
): Comparison {
  const tally = (ratePercent: number, trials: number): Tally => ({
    hits: Math.round((ratePercent * trials) / 100),
    trials,
  });
  const [ofA, ofB] = [tally(before, a.samples), tally(after, b.samples)];
  const evidence = evidenceFacts(logEvidenceOfUnequal(ofA, ofB), alpha / 2);
  const isFrequent = [ofA, ofB].every(({ hits, trials }) => Math.min(hits, trials - hits) >= fewestForNormal);
  const interval = isFrequent
    ? differenceInterval(asMean(ofA), asMean(ofB), { alpha: alpha / 2, tunedForSamples })
    : null;
  const facts = {
    method: 'beta-binomial and normal mixtures',
    ...evidence,
    ...(interval ? { differenceInterval: { low: 100 * interval.low, high: 100 * interval.high } } : {}),
  };
  const differs =
    evidence.logEvidence >= evidence.needed || (interval !== null && (interval.low > 0 || interval.high < 0));
  return { before, after, differs, facts };
}

function asMean({ hits, trials }: Tally): MeanEstimate {
  const mean = hits / trials;
  return { count: trials, mean, varianceOfMean: (mean * (1 - mean)) / trials };
}

function compareQuantiles(
  a: VariantMetrics,
  b: VariantMetrics,
  { before, after, q }: { readonly before: number; readonly after: number; readonly q: number },
  alpha: number,
): Comparison {
  const [sketchA, sketchB] = [a.latency?.buckets ?? {}, b.latency?.buckets ?? {}];
  const ofA = quantileInterval(sketchA, q, alpha);
  const ofB = quantileInterval(sketchB, q, alpha);
  if (!ofA || !ofB) return { unknown: 'The latency sketches are not there, and a quantile has no bounds without them' };
  const bounds = ({ low, high }: { readonly low: number; readonly high: number }): Json => ({
    low,
    high: Number.isFinite(high) ? high : null,
  });
  const evidence = evidenceFacts(logEvidenceOfUnequalQuantiles(sketchA, sketchB, q), alpha);
  const facts = { method: 'quantile confidence sequence', ...evidence, intervalA: bounds(ofA), intervalB: bounds(ofB) };
  return { before, after, differs: evidence.logEvidence >= evidence.needed, facts };
}

/** Natural logarithms: the evidence against equality, and what it takes. */
function evidenceFacts(logEvidence: number, alpha: number): { readonly logEvidence: number; readonly needed: number } {
  return { logEvidence, needed: Math.log(1 / alpha) };
}

function compareMeans(
  a: VariantMetrics,
  b: VariantMetrics,
  metric: MetricName,
  options: ComparisonOptions,
): Comparison {
  if (Math.min(a.samples, b.samples) < fewestForMeans)
    return {
      unknown: `A test of means needs ${fewestForMeans} calls of each variant, there are ${a.samples} of A and ${b.samples} of B`,
    };
  const inCalls = (metrics: VariantMetrics): MeanEstimate | null => {
    const estimate = metricMean(metrics, metric);
    return estimate && { ...estimate, count: metrics.samples };
  };
  const [ofA, ofB] = [inCalls(a), inCalls(b)];
  const interval = ofA && ofB && differenceInterval(ofA, ofB, options);
  if (!interval) return { unknown: `The spread of ${metric} is not known, so chance cannot be told from change` };
  const differs = interval.low > 0 || interval.high < 0;
  const facts = { method: 'normal mixture (mSPRT)', differenceInterval: { ...interval } };
  return { before: ofA.mean, after: ofB.mean, differs, facts };
}

/** In percent of A's value; positive when B is better. From zero any worsening counts as 100 %. @internal */
export function improvementPercent(before: number, after: number, comparison: WinnerCriteria['comparison']): number {
  if (before === after) return 0;
  const relative = before === 0 ? Math.sign(after) * 100 : ((after - before) / Math.abs(before)) * 100;
  return comparison === 'lower_is_better' ? -relative : relative;
}
