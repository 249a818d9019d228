import type { RateCounter } from '@hotswap/core';

/** A counter, as two servers see it. @public */
export interface RateCounterRig extends AsyncDisposable {
  readonly counter: RateCounter;
  /** The same counts, seen by another server; the same object where there is but one. */
  readonly other: RateCounter;
  /** Lets real or virtual time pass. */
  letPass(ms: number): Promise<void>;
}
