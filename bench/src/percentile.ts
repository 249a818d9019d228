/** The value below which a share of the samples lies (nearest rank). Samples need not be sorted. */
export function percentile(samples: Float64Array, share: number): number {
  const sorted = samples.toSorted();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN;
}

export function median(samples: readonly number[]): number {
  return percentile(Float64Array.from(samples), 0.5);
}
