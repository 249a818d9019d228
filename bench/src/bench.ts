/** A bound that the project set itself. `holds` is decided by the figures alone. */
export type Target = { readonly name: string; readonly value: number; readonly holds: boolean } & (
  { readonly atMost: number } | { readonly atLeast: number }
);

/** What a bench found. Units are in the names; ratios are against the peer in the same run, larger is better for HotSwap. */
export interface BenchResult {
  readonly figures: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
  readonly targets: readonly Target[];
}

export interface BenchContext {
  /** The long run instead of the one that ends within a minute. */
  readonly full: boolean;
  /** Tells a person what is going on. */
  say(line: string): void;
}

/** One file, one bench. */
export interface Bench {
  readonly name: string;
  /** One line for `--list`. */
  readonly summary: string;
  run(context: BenchContext): Promise<BenchResult>;
}

export const atMost = (name: string, value: number, bound: number): Target => ({
  name,
  value,
  atMost: bound,
  holds: value <= bound,
});
export const atLeast = (name: string, value: number, bound: number): Target => ({
  name,
  value,
  atLeast: bound,
  holds: value >= bound,
});
