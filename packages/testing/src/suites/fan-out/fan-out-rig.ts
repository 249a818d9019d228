import type { FanOut } from '@hotswap/core';

/** Three servers of one installation, all listening. @public */
export interface FanOutRig extends AsyncDisposable {
  readonly members: readonly [FanOut, FanOut, FanOut];
  /** Lets real or virtual time pass. */
  letPass(ms: number): Promise<void>;
  /** How late a message may come. */
  readonly patienceMs: number;
}
