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
  const misses = trials - hits;
  const impossible = (p <= 0 && hits > 0) || (p >= 1 && misses > 0);
  if (impossible) return Infinity;
  const logLikelihood = (hits === 0 ? 0 : hits * Math.log(p)) + (misses === 0 ? 0 : misses * Math.log1p(-p));
  return logBeta(hits + shape, misses + shape) - priorLogBeta - logLikelihood;
}

/** Halvings of [0, 1]: beyond what a double resolves. */
const halvings = 60;

/** Always-valid confidence interval of a probability, for every look at once. @public */
export function proportionInterval(hits: number, trials: number, alpha: number): SequentialInterval {
  if (trials === 0) return { low: 0, high: 1 };
  const bound = Math.log(1 / alpha);
  const observed = hits / trials;
  const edge = (outside: number): number => {
    let [far, near] = [outside, observed];
    if (logEvidenceAgainst(far, hits, trials) < bound) return far;
    for (let n = 0; n < halvings; n++) {
      const middle = (far + near) / 2;
      if (logEvidenceAgainst(middle, hits, trials) < bound) near = middle;
      else far = middle;
    }
    return far;
  };
  return { low: edge(0), high: edge(1) };
}
