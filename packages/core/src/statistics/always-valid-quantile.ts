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
  const buckets = sorted(sketch);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return null;
  const { fewest, most } = plausibleCounts(q, total, Math.log(1 / alpha));
  let low = 0;
  let high = Infinity;
  let below = 0;
  for (const [bucket, count] of buckets) {
    if (high === Infinity && below > most) high = latencyBucketEdgeMs(bucket - 1);
    below += count;
    if (below < fewest) low = latencyBucketEdgeMs(bucket);
  }
  return { low, high };
}

/** Counts of calls at or below the quantile against which there is not enough evidence. */
function plausibleCounts(q: number, total: number, bound: number): { readonly fewest: number; readonly most: number } {
  const isPlausible = (count: number): boolean => logEvidenceAgainst(q, count, total) < bound;
  const expected = Math.round(q * total);
  // Evidence grows with the distance from what is expected, so halving finds the first plausible count on either side.
  const edge = (outside: number): number => {
    if (isPlausible(outside)) return outside;
    let [far, near] = [outside, expected];
    while (Math.abs(far - near) > 1) {
      const middle = Math.trunc((far + near) / 2);
      if (isPlausible(middle)) near = middle;
      else far = middle;
    }
    return near;
  };
  return { fewest: edge(0), most: edge(total) };
}

function sorted(sketch: LatencySketch): readonly (readonly [bucket: number, count: number])[] {
  return Object.entries(sketch)
    .map(([bucket, count]) => [Number(bucket), count] as const)
    .filter(([, count]) => count > 0)
    .sort((a, b) => a[0] - b[0]);
}

/**
 * Logarithm of the evidence against two quantiles being equal: the least, over all values that both could be, of what the
 * two counts say against that value together. Within a bucket the counts are taken as they speak least against it.
 * @public
 */
export function logEvidenceOfUnequalQuantiles(a: LatencySketch, b: LatencySketch, q: number): number {
  const totals = [a, b].map((sketch) => Object.values(sketch).reduce((sum, count) => sum + count, 0));
  const [ofA = 0, ofB = 0] = totals;
  if (ofA === 0 || ofB === 0) return 0;
  const against = (from: number, to: number, total: number): number =>
    logEvidenceAgainst(q, Math.min(Math.max(Math.round(q * total), from), to), total);
  const buckets = [...new Set([...sorted(a), ...sorted(b)].map(([bucket]) => bucket))].sort((x, y) => x - y);
  let least = Infinity;
  let [belowA, belowB] = [0, 0];
  for (const bucket of buckets) {
    const [uptoA, uptoB] = [belowA + (a[bucket] ?? 0), belowB + (b[bucket] ?? 0)];
    // Below both quantiles, and above both, each count speaks more against a value the further away it is.
    const isBelowBoth = uptoA < q * ofA && uptoB < q * ofB;
    if (!isBelowBoth) least = Math.min(least, against(belowA, uptoA, ofA) + against(belowB, uptoB, ofB));
    if (uptoA >= q * ofA && uptoB >= q * ofB) break;
    [belowA, belowB] = [uptoA, uptoB];
  }
  return least;
}
