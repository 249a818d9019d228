/** Lanczos' coefficients for g = 7, nine terms: fifteen digits over the positive axis. */
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
] as const;
const halfLogTwoPi = Math.log(2 * Math.PI) / 2;

/** Logarithm of the gamma function for positive numbers. */
function logGamma(x: number): number {
  const shifted = x - 1;
  const sum = lanczos.reduce(
    (total, coefficient, n) => (n === 0 ? coefficient : total + coefficient / (shifted + n)),
    0,
  );
  const t = shifted + 7.5;
  return halfLogTwoPi + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** Logarithm of the beta function for positive numbers. @internal */
export function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}
