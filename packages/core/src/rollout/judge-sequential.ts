import type { Judge, Judgement } from '../contracts/judge.ts';
import type { EffectInput } from '../effects/effect.ts';
import type { Json } from '../model/json.ts';
import { metricValue } from '../model/metrics.ts';
import { compareVariants, improvementPercent } from './compare-variants.ts';

const defaultSignificanceLevel = 0.05;
const method = 'sequential';

/**
 * Decides between two variants by everything observed since the experiment began, and may be asked after every look: the
 * chance that equals ever get a winner is `significanceLevel` for all looks together. A winner needs both, a difference
 * that chance does not explain and one of `thresholdPercent`.
 *
 * Means (average latency, CPU, fuel, business counters): normal mixture of the mSPRT (Johari, Koomen, Pekelis, Walsh 2022)
 * with estimated variances (Waudby-Smith et al. 2024). Rates: the exact beta-binomial mixture (Ville 1939, Robbins 1970)
 * and, where hits are frequent, the normal one, at half the level each. Quantiles: the exact mixture over the sketches'
 * counts (Howard, Ramdas 2022). Peaks of memory and gauges have no spread that is known: they stay `Inconclusive`.
 * @public
 */
export const judgeSequential: Judge = (input) => {
  const { baseline, candidate, criteria } = input;
  const alpha = criteria.significanceLevel ?? defaultSignificanceLevel;
  const needed = criteria.minimumSampleSize;
  if (Math.min(baseline.samples, candidate.samples) < Math.max(1, needed))
    return open(
      input,
      null,
      `Needs ${Math.max(1, needed)} calls of each variant, has ${baseline.samples} of A and ${candidate.samples} of B`,
    );
  const compared = compareVariants(baseline, candidate, criteria.metric, { alpha, tunedForSamples: needed });
  if (compared.unknown !== undefined) return open(input, null, compared.unknown);
  const { before, after, differs } = compared;
  const improvement = improvementPercent(before, after, criteria.comparison);
  const differsBy = `B differs by ${round(improvement)} %`;
  if (Math.abs(improvement) < criteria.thresholdPercent || before === after)
    return open(
      input,
      improvement,
      `${differsBy}, less than the threshold of ${criteria.thresholdPercent} %`,
      compared.facts,
    );
  if (!differs) return open(input, improvement, `${differsBy}, which chance alone could explain`, compared.facts);
  return {
    verdict: improvement > 0 ? 'B' : 'A',
    improvementPercent: improvement,
    reason: `${criteria.metric} went from ${round(before)} to ${round(after)}`,
    facts: factsOf(input, compared.facts),
  };
};

function open(
  input: EffectInput<'judge'>,
  improvement: number | null,
  reason: string,
  more: { readonly [key: string]: Json } = {},
): Judgement {
  return { verdict: 'Inconclusive', improvementPercent: improvement, reason, facts: factsOf(input, more) };
}

function factsOf(
  { baseline, candidate, criteria }: EffectInput<'judge'>,
  more: { readonly [key: string]: Json },
): Json {
  return {
    judge: method,
    metric: criteria.metric,
    observed: { a: metricValue(baseline, criteria.metric), b: metricValue(candidate, criteria.metric) },
    samples: { a: baseline.samples, b: candidate.samples },
    thresholdPercent: criteria.thresholdPercent,
    minimumSampleSize: criteria.minimumSampleSize,
    significanceLevel: criteria.significanceLevel ?? defaultSignificanceLevel,
    ...more,
  };
}

const round = (value: number): number => Number(value.toFixed(2));
