import type { MeanEstimate } from '../model/metrics.ts';

/** What is known of a difference at a look, valid over all looks together. @public */
export interface SequentialInterval {
  /** Bounds that hold the true value with probability 1 - alpha at every look at once. */
  readonly low: number;
  readonly high: number;
}

/**
 * Always-valid confidence interval for the difference of two means: the normal mixture of the mixture sequential
 * probability ratio test (Robbins 1970; Johari, Koomen, Pekelis, Walsh: "Always Valid Inference: Continuous Monitoring of
 * A/B Tests", Operations Research 70(3), 2022), with estimated variances as in the asymptotic confidence sequences of
 * Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: "Time-uniform central limit theory and asymptotic confidence sequences",
 * Annals of Statistics 52(6), 2024. May be looked at after every call: the chance that it ever misses the true difference
 * is alpha, as far as the central limit theorem holds from the first look on, which a minimum of samples takes care of.
 *
 * The mixture's variance is tuned once, to be tightest when both variants have `tunedForSamples` calls; it is known only in
 * units of the estimated variances, and cancels out there.
 *
 * @returns `null` when the variance of a mean is not known.
 * @public
 */
export function differenceInterval(
  a: MeanEstimate,
  b: MeanEstimate,
  options: { readonly alpha: number; readonly tunedForSamples: number },
): SequentialInterval | null {
  if (a.varianceOfMean === null || b.varianceOfMean === null) return null;
  const difference = b.mean - a.mean;
  const variance = a.varianceOfMean + b.varianceOfMean;
  if (variance === 0) return { low: difference, high: difference };
  const m = Math.max(1, options.tunedForSamples);
  const varianceAtM = (a.varianceOfMean * a.count + b.varianceOfMean * b.count) / m;
  const width = Math.sqrt(variance) * boundary(varianceAtM / variance, options.alpha);
  return { low: difference - width, high: difference + width };
}

/** Bound of |difference| / standard error, at `information` times that at which it is tightest. */
function boundary(information: number, alpha: number): number {
  const logs = 2 * Math.log(1 / alpha);
  // The optimum is -W(-alpha² / e) - 1 of Lambert's function; this is its expansion, off by a few percent.
  const mixture = (logs + Math.log(1 + logs)) * information;
  return Math.sqrt(((mixture + 1) / mixture) * (logs + Math.log1p(mixture)));
}
