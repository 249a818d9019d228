import { logBeta } from './log-beta.ts';
import type { SequentialInterval } from './always-valid-mean.ts';

/** Parameters of the mixing beta distribution: Jeffreys' prior. It changes the width, never the validity. */
const shape = 0.5;
const priorLogBeta = logBeta(shape, shape);

/**
 * Logarithm of the evidence against the probability being `p` after `hits` of `trials`: the beta mixture of Bernoulli
 * likelihood ratios, a martingale that starts at 1 when `p` is true. By Ville's inequality it ever reaches 1 / alpha with
 * probability at most alpha, so it may be looked at after every trial. Exact for any number of trials (Ville 1939; Robbins:
 * "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41(5), 1970;
 * Howard, Ramdas, McAuliffe, Sekhon: "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
 * Statistics 49(2), 2021).
 * @public
 */
export function logEvidenceAgainst(p: number, hits: number, trials: number): number {
  return logMixture(hits, trials) - logLikelihood(p, hits, trials - hits);
}

/** Logarithm of the likelihood of one order of hits and misses, mixed over all probabilities. */
const logMixture = (hits: number, trials: number): number =>
  logBeta(hits + shape, trials - hits + shape) - priorLogBeta;

function logLikelihood(p: number, hits: number, misses: number): number {
  return (hits === 0 ? 0 : hits * Math.log(p)) + (misses === 0 ? 0 : misses * Math.log1p(-p));
}

/** How near to the true bound, in parts of it, a bound has to come. */
const precision = 1e-7;
const mostHalvings = 100;

/** Always-valid confidence interval of a probability, for every look at once. @public */
export function proportionInterval(hits: number, trials: number, alpha: number): SequentialInterval {
  if (trials === 0) return { low: 0, high: 1 };
  const misses = trials - hits;
  const least = logMixture(hits, trials) - Math.log(1 / alpha);
  const isPlausible = (p: number): boolean => logLikelihood(p, hits, misses) > least;
  const edge = (outside: number): number => {
    if (isPlausible(outside)) return outside;
    let [far, near] = [outside, hits / trials];
    for (let n = 0; n < mostHalvings && Math.abs(far - near) > precision * near; n++) {
      const middle = (far + near) / 2;
      if (isPlausible(middle)) near = middle;
      else far = middle;
    }
    return far;
  };
  return { low: edge(0), high: edge(1) };
}

/** Successes or failures, whichever are counted, of so many trials. @public */
export interface Tally {
  readonly hits: number;
  readonly trials: number;
}

/**
 * Logarithm of the evidence against two probabilities being equal: for each common value the two mixtures together are one
 * martingale, so the least of their products over all common values ever reaches 1 / alpha with probability at most alpha,
 * however the trials of the two alternate. Exact for any number of trials.
 * @public
 */
export function logEvidenceOfUnequal(a: Tally, b: Tally): number {
  const hits = a.hits + b.hits;
  const trials = a.trials + b.trials;
  if (trials === 0) return 0;
  const mixtures = logMixture(a.hits, a.trials) + logMixture(b.hits, b.trials);
  return mixtures - logLikelihood(hits / trials, hits, trials - hits);
}
