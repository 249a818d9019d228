/** A seed that broke something. */
export interface SeedFailure {
  readonly seed: number;
  readonly story: readonly string[];
  readonly violations: readonly string[];
}

/** Seeds `from` up to, but not including, `to`. */
export interface SeedChunk {
  readonly from: number;
  readonly to: number;
}

/** What a chunk came to. */
export interface SeedResult {
  readonly failures: readonly SeedFailure[];
  readonly covered: Readonly<Record<string, number>>;
}
