import { describe, expect, it } from 'vitest';
import {
  judgeSequential,
  judgeWelch,
  latencyBucket,
  noMetrics,
  sketchQuantileMs,
  type Judge,
  type MetricName,
  type VariantMetrics,
} from '../src/index.ts';

/** Random numbers in (0, 1), the same for a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4_294_967_296;
  };
}

/** What one variant has come to so far; `look` adds the calls of one period. */
interface Variant {
  look(calls: number): void;
  metrics(): VariantMetrics;
}

type MakeVariant = (random: () => number) => Variant;

/** Skewed as latencies are: an exponential tail behind a floor. */
const latencies =
  (meanMs: number): MakeVariant =>
  (random) => {
    let [samples, sum, squares] = [0, 0, 0];
    return {
      look(calls) {
        for (let call = 0; call < calls; call++) {
          const ms = 5 - (meanMs - 5) * Math.log(random());
          sum += ms;
          squares += ms * ms;
        }
        samples += calls;
      },
      metrics() {
        const averageMs = sum / samples;
        const varianceMs2 = (squares - samples * averageMs ** 2) / (samples - 1);
        return { ...noMetrics, samples, latency: { averageMs, varianceMs2, p50Ms: 0, p95Ms: 0, p99Ms: 0 } };
      },
    };
  };

const sketches =
  (meanMs: number): MakeVariant =>
  (random) => {
    const buckets: Record<string, number> = {};
    let samples = 0;
    return {
      look(calls) {
        for (let call = 0; call < calls; call++) {
          const bucket = latencyBucket(-meanMs * Math.log(random()));
          buckets[bucket] = (buckets[bucket] ?? 0) + 1;
        }
        samples += calls;
      },
      metrics() {
        const p95Ms = sketchQuantileMs(buckets, 0.95) ?? 0;
        return { ...noMetrics, samples, latency: { averageMs: 0, varianceMs2: 0, p50Ms: 0, p95Ms, p99Ms: 0, buckets } };
      },
    };
  };

const errors =
  (rate: number): MakeVariant =>
  (random) => {
    let [samples, hits] = [0, 0];
    let gap = 0;
    // Calls until the next error: as a draw for each call, at a fraction of the work.
    const next = (): number => Math.ceil(Math.log(random()) / Math.log1p(-rate));
    return {
      look(calls) {
        if (samples === 0) gap = next();
        samples += calls;
        for (; gap <= samples; gap += next()) hits++;
      },
      metrics: () => ({ ...noMetrics, samples, errorRatePercent: (100 * hits) / samples }),
    };
  };

/** Conversions per call, as node reports carry them: a mean with the variance of the mean. */
const conversions =
  (rate: number): MakeVariant =>
  (random) => {
    let [samples, reports, sum, squares] = [0, 0, 0, 0];
    return {
      look(calls) {
        for (let report = 0; report < 5; report++) {
          let converted = 0;
          for (let call = 0; call < calls / 5; call++) if (random() < rate) converted++;
          sum += converted;
          squares += converted ** 2;
          reports++;
        }
        samples += calls;
      },
      metrics() {
        const mean = sum / samples;
        const each = samples / reports;
        const residuals = squares - 2 * mean * each * sum + mean ** 2 * each ** 2 * reports;
        const varianceOfMean = ((residuals / samples ** 2) * reports) / (reports - 1);
        return { ...noMetrics, samples, custom: { conversions: { count: reports, mean, varianceOfMean } } };
      },
    };
  };

interface Trial {
  readonly metric: MetricName;
  readonly a: MakeVariant;
  readonly b: MakeVariant;
  readonly runs: number;
  readonly looks: number;
  /** Calls of A between two looks; B gets a quarter, as at 20 %. */
  readonly callsPerLook: number;
  readonly judge?: Judge;
}

const alpha = 0.05;

/** Share of experiments that end with each verdict, when the first verdict ends them. */
function experiments({ metric, a, b, runs, looks, callsPerLook, judge = judgeSequential }: Trial): {
  readonly A: number;
  readonly B: number;
} {
  const criteria = {
    ...({ metric, comparison: 'lower_is_better', thresholdPercent: 0 } as const),
    ...{ minimumSampleSize: 100, significanceLevel: alpha },
  };
  const won = { A: 0, B: 0, Inconclusive: 0 };
  for (let run = 1; run <= runs; run++) {
    const random = randomFrom(run * 7_919);
    const [ofA, ofB] = [a(random), b(random)];
    let verdict: keyof typeof won = 'Inconclusive';
    for (let look = 0; look < looks && verdict === 'Inconclusive'; look++) {
      ofA.look(callsPerLook);
      ofB.look(callsPerLook / 4);
      verdict = judge({ baseline: ofA.metrics(), candidate: ofB.metrics(), criteria }).verdict;
    }
    won[verdict]++;
  }
  return { A: won.A / runs, B: won.B / runs };
}

const equals: readonly (readonly [string, Trial])[] = [
  [
    'average latency',
    { metric: 'avg_latency_ms', a: latencies(20), b: latencies(20), runs: 3_000, looks: 300, callsPerLook: 40 },
  ],
  [
    'error rate',
    { metric: 'error_rate', a: errors(0.02), b: errors(0.02), runs: 2_000, looks: 200, callsPerLook: 200 },
  ],
  [
    'rare crashes',
    { metric: 'error_rate', a: errors(0.001), b: errors(0.001), runs: 2_000, looks: 200, callsPerLook: 400 },
  ],
  [
    'p95 latency',
    { metric: 'p95_latency_ms', a: sketches(20), b: sketches(20), runs: 1_000, looks: 40, callsPerLook: 80 },
  ],
  [
    'business counters',
    {
      metric: 'custom:conversions',
      a: conversions(0.1),
      b: conversions(0.1),
      runs: 1_500,
      looks: 200,
      callsPerLook: 60,
    },
  ],
];

/** Seconds of work, and minutes on a machine that is busy with other tests. */
const patience = { timeout: 120_000 };

describe('experiments between equals that are looked at hundreds of times', patience, () => {
  it.each(equals)('have a winner by %s in no more than 5 % of thousands of runs', (_, trial) => {
    const { A, B } = experiments(trial);
    expect(A + B).toBeLessThanOrEqual(alpha);
  });

  it('have a winner far more often by a test that is made for one look', () => {
    const trial = equals[0]?.[1] as Trial;
    const { A, B } = experiments({ ...trial, runs: 300, judge: judgeWelch });
    expect(A + B).toBeGreaterThan(4 * alpha);
  });
});

describe('experiments with a real difference', patience, () => {
  it.each<[string, Trial]>([
    [
      'average latency 15 % lower',
      { metric: 'avg_latency_ms', a: latencies(20), b: latencies(17), runs: 300, looks: 200, callsPerLook: 100 },
    ],
    [
      'error rate of 1 % instead of 3 %',
      { metric: 'error_rate', a: errors(0.03), b: errors(0.01), runs: 300, looks: 200, callsPerLook: 100 },
    ],
    [
      'p95 latency 30 % lower',
      { metric: 'p95_latency_ms', a: sketches(20), b: sketches(14), runs: 100, looks: 200, callsPerLook: 100 },
    ],
  ])('find B by %s in more than 90 % of the runs, and hardly ever A', (_, trial) => {
    const { A, B } = experiments(trial);
    expect(B).toBeGreaterThan(0.9);
    expect(A).toBeLessThan(0.01);
  });
});
