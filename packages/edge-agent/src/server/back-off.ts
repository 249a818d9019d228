import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Waits between tries: full jitter below a bound that doubles, so that a fleet that lost its server together does not
 * come back together.
 * @internal
 */
export class BackOff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #tries = 0;

  constructor(options: { readonly firstMs: number; readonly maxMs: number; readonly random?: () => number }) {
    this.#firstMs = options.firstMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random ?? Math.random;
  }

  /** Length of the next wait in milliseconds; `atLeastMs` is what the other side asked for. */
  next(atLeastMs = 0): number {
    const bound = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#tries++, 30));
    return atLeastMs + this.#random() * bound;
  }

  /** Waits; ends early, without an error, when the signal is aborted. */
  async wait(signal: AbortSignal, atLeastMs = 0): Promise<void> {
    await sleep(this.next(atLeastMs), undefined, { signal }).catch(() => undefined);
  }

  /** After a success. */
  reset(): void {
    this.#tries = 0;
  }
}
