import type { Json, TrafficMirror } from '@hotswap/core';
import { abTesting } from '@hotswap/strategy-ab-testing';
import { allAtOnce } from '@hotswap/strategy-all-at-once';
import { blueGreen } from '@hotswap/strategy-blue-green';
import { canary } from '@hotswap/strategy-canary';
import { regional } from '@hotswap/strategy-regional';
import { rolling } from '@hotswap/strategy-rolling';
import type { SeededRandom, SeededStrategy } from '@hotswap/testing';

/** A strategy as faults are tried on it. One line each: what is listed here is swept, killed, raced and simulated. */
export interface StrategyCase extends SeededStrategy {
  /** Configuration for real servers: short, but with every kind of step that the strategy has. */
  readonly quick: Json;
}

/** Copies of requests before a strategy begins, for as long as routers of a busy machine need to report the first. */
export const quickMirror: TrafficMirror = {
  releaseId: 'v2-shadow',
  percent: 100,
  duration: 'PT5S',
  nodes: 2,
  minimumSamples: 1,
  maxDifferentPercent: 0,
  maxFailedPercent: 0,
  compare: {},
  onInconclusive: 'pause',
};

/** A busy machine may take a while to bring a killed server and its agents together again; that is no fault of theirs. */
const patient = 'PT45S';

const few = (random: SeededRandom): string => `PT${String(random.between(0, 20))}S`;
const some = (random: SeededRandom): string => `PT${String(random.between(1, 20))}S`;

/** Every strategy of the project. */
export const strategyCases: readonly StrategyCase[] = [
  { strategy: allAtOnce(), quick: {}, config: () => ({}) },
  {
    strategy: rolling(),
    quick: { batchSize: 2, batchDelay: 'PT0.3S', healthCheckTimeout: patient },
    config: (random) => ({ batchSize: random.between(1, 5), batchDelay: few(random) }),
  },
  {
    strategy: canary(),
    quick: { stages: [34, 100], evaluationPeriod: 'PT0.3S' },
    config: (random) => ({
      stages: random.pick([[100], [10, 100], [5, 25, 50, 100]]),
      evaluationPeriod: some(random),
      autoPromote: random.chance(0.7),
    }),
  },
  {
    strategy: blueGreen(),
    // Blue stays for an hour: its end would be a commit of its own, in the middle of the next point.
    quick: { placement: 'in-place', evaluationPeriod: 'PT0.3S', healthCheckTimeout: patient },
    config: (random) => ({
      placement: random.pick(['separate', 'in-place']),
      keepBlueEnvironment: random.chance(0.7),
      blueRetentionPeriod: some(random),
      evaluationPeriod: few(random),
      autoPromote: random.chance(0.7),
    }),
  },
  {
    strategy: regional(),
    quick: {
      interRegionDelay: 'PT0.2S',
      inner: { strategy: 'Rolling', config: { batchSize: 1, batchDelay: 'PT0.1S', healthCheckTimeout: patient } },
    },
    config: (random) => ({
      interRegionDelay: some(random),
      abortOnRegionFailure: random.chance(0.5),
      ...(random.chance(0.5)
        ? { inner: { strategy: 'Canary', config: { stages: [50, 100], evaluationPeriod: some(random) } } }
        : {}),
    }),
  },
  {
    strategy: abTesting(),
    quick: {
      placement: 'in-place',
      experimentDuration: 'PT1S',
      lookInterval: 'PT0.5S',
      minimumSampleSize: 10,
      onInconclusive: 'rollback',
    },
    config: (random) => ({
      placement: random.pick(['separate', 'in-place']),
      experimentDuration: `PT${String(random.between(20, 60))}S`,
      lookInterval: `PT${String(random.between(5, 20))}S`,
      minimumSampleSize: random.pick([10, 1_000]),
      onInconclusive: random.pick(['rollback', 'pause', 'extend']),
    }),
  },
];
