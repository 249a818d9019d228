import process from 'node:process';
import { LogRate } from './log-rate.ts';
import type { RuntimeChildErrorCode } from './error-codes.ts';

/** Warnings in a second, and at once: a program that is broken ends again and again. */
const maxWarningsPerSecond = 1;

/**
 * Tells the process of children of one host that ended by themselves, or had to be ended, while no call could be told of it:
 * between two calls, or letting go of a module. Everything else is the failure of a call, and counted as its crash.
 * @internal
 */
export class UnheardEnds {
  readonly #engine: string;
  readonly #rate: LogRate;
  #unsaid = 0;

  constructor(engine: string, nowMs?: () => number) {
    this.#engine = engine;
    this.#rate = new LogRate(maxWarningsPerSecond, nowMs);
  }

  /** A warning of the process, with the code. @param how what follows "it ended:" */
  tell(code: RuntimeChildErrorCode, how: string): void {
    if (this.#rate.take(1) === 0) {
      this.#unsaid++;
      return;
    }
    const more = this.#unsaid > 0 ? ` (and ${this.#unsaid} more since the last warning)` : '';
    this.#unsaid = 0;
    process.emitWarning(
      `A process of the ${this.#engine} engine ended while it served no call${more}: ${how}. A fresh one takes the next calls; an instance that was open in it is gone`,
      { code },
    );
  }
}
