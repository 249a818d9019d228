import { latencyBucket, sketchQuantileMs, type LatencySketch, type LatencySummary } from '@hotswap/core';

/** Calls that take as long as a line of a script says. @internal */
export interface LatencyStretch {
  readonly calls: number;
  readonly averageMs: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** Relative spread of single calls around their average. */
const spread = 0.1;
/** Shares of the calls that a sketch is made of. */
const shares = 200;

/**
 * What nodes would report of the latency of such calls: with the sketch by which quantiles are compared, and quantiles of
 * all calls together where some took longer than others.
 * @internal
 */
export function latencyOf(stretches: readonly LatencyStretch[]): LatencySummary {
  const [first] = stretches as readonly [LatencyStretch];
  const calls = stretches.reduce((sum, stretch) => sum + stretch.calls, 0);
  const mean = (of: (stretch: LatencyStretch) => number): number =>
    stretches.reduce((sum, stretch) => sum + of(stretch) * stretch.calls, 0) / calls;
  const averageMs = mean((stretch) => stretch.averageMs);
  const buckets = sketchOf(stretches);
  const isEven = stretches.every(
    (stretch) =>
      stretch.averageMs === first.averageMs && stretch.p95Ms === first.p95Ms && stretch.p99Ms === first.p99Ms,
  );
  const quantile = (q: number, even: number): number => (isEven ? even : (sketchQuantileMs(buckets, q) ?? even));
  return {
    averageMs,
    varianceMs2: mean((stretch) => (stretch.averageMs * spread) ** 2 + (stretch.averageMs - averageMs) ** 2),
    p50Ms: quantile(0.5, first.averageMs),
    p95Ms: quantile(0.95, first.p95Ms),
    p99Ms: quantile(0.99, first.p99Ms),
    buckets,
  };
}

/** Whole calls, as nodes count them; what rounding leaves over goes to the next bucket. */
function sketchOf(stretches: readonly LatencyStretch[]): LatencySketch {
  const weights = new Map<number, number>();
  for (const stretch of stretches)
    for (let share = 0; share < shares; share++) {
      const bucket = latencyBucket(latencyAt((share + 0.5) / shares, stretch));
      weights.set(bucket, (weights.get(bucket) ?? 0) + stretch.calls / shares);
    }
  let [weight, counted] = [0, 0];
  const sketch: Record<string, number> = {};
  for (const [bucket, more] of [...weights].sort(([a], [b]) => a - b)) {
    weight += more;
    const count = Math.round(weight) - counted;
    if (count > 0) sketch[String(bucket)] = count;
    counted += count;
  }
  return sketch;
}

/** Latency at a quantile: straight between those that the script names. */
function latencyAt(q: number, { averageMs, p95Ms, p99Ms }: LatencyStretch): number {
  const between = (from: number, to: number, share: number): number => from + (to - from) * share;
  if (q <= 0.5) return between(averageMs * (1 - 2 * spread), averageMs, q / 0.5);
  if (q <= 0.95) return between(averageMs, p95Ms, (q - 0.5) / 0.45);
  if (q <= 0.99) return between(p95Ms, p99Ms, (q - 0.95) / 0.04);
  return between(p99Ms, p99Ms * (1 + spread), (q - 0.99) / 0.01);
}
