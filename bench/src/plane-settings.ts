/** What a process that serves for the HTTP benches is told. */
export interface PlaneSettings {
  /** Modules that it serves, one at a time; a version is its place. */
  readonly paths: readonly string[];
  /** Requests that an instance serves; 1: a fresh one for each. */
  readonly reusedFor: number;
  /** Whether its JavaScript takes half a core. Default false. */
  readonly halfBusy?: boolean;
}

/** What came of swapping. */
export interface SwapReport {
  readonly swapsUs: readonly number[];
  /** Requests sent after a swap that another version answered. */
  readonly stale: number;
}
