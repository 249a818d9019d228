import { latencyBucketEdgeMs, type LatencySketch } from '../model/latency-sketch.ts';
import { logEvidenceAgainst } from './always-valid-proportion.ts';
import type { SequentialInterval } from './always-valid-mean.ts';

/**
 * Always-valid confidence interval of a quantile from a mergeable sketch: a value below which significantly fewer, or
 * significantly more, than a share `q` of all calls fell cannot be the quantile (the inversion of Howard and Ramdas:
 * "Sequential estimation of quantiles with applications to A/B testing and best-arm identification", Bernoulli 28(3), 2022,
 * with the exact mixture for the count in place of their closed form). Counts are exact at the edges of buckets, so the
 * bounds are edges: the rounding of the sketch widens the interval and never makes it wrong.
 * @returns `null` for an empty sketch. `high` is infinite when nothing bounds the quantile from above.
 * @public
 */
export function quantileInterval(sketch: LatencySketch, q: number, alpha: number): SequentialInterval | null {
  const buckets = Object.entries(sketch)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .filter(([, count]) => count > 0)
    .sort((a, b) => a[0] - b[0]);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  const bound = Math.log(1 / alpha);
  const excludes = (below: number): boolean => logEvidenceAgainst(q, below, total) >= bound;
  let low = 0;
  let high = Infinity;
  let below = 0;
  for (const [bucket, count] of buckets) {
    if (high === Infinity && below > q * total && excludes(below)) high = latencyBucketEdgeMs(bucket - 1);
    below += count;
    if (below < q * total && excludes(below)) low = latencyBucketEdgeMs(bucket);
  }
  return { low, high };
}
