import type { CallResult } from '@hotswap/core';
import type { GuestOutput } from './guest-output.ts';
import type { LogRate } from './log-rate.ts';

/**
 * What the calls of one module write: a log of which each stream of a call keeps its head, and all of them together no more
 * than a rate. What a command writes is its result, and none of this.
 * @internal
 */
export class CallLog {
  readonly #maxOutputBytes: number;
  readonly #rate: LogRate;

  constructor(maxOutputBytes: number, rate: LogRate) {
    this.#maxOutputBytes = maxOutputBytes;
    this.#rate = rate;
  }

  /** What a stream of a call that begins now may keep: no child holds and sends what would be dropped here. */
  get roomBytes(): number {
    return Math.min(this.#maxOutputBytes, this.#rate.leftBytes);
  }

  /** Of what a call wrote, what is kept: calls that ran at one time had the same room. */
  keep(output: GuestOutput): GuestOutput {
    // Complaints first: a flood of the other stream must not hide them.
    const [stderr, stderrCutBytes] = this.#cut(output.stderr);
    const [stdout, stdoutCutBytes] = this.#cut(output.stdout);
    return {
      stdout,
      stderr,
      stdoutDroppedBytes: output.stdoutDroppedBytes + stdoutCutBytes,
      stderrDroppedBytes: output.stderrDroppedBytes + stderrCutBytes,
    };
  }

  #cut(bytes: Uint8Array): readonly [Uint8Array, number] {
    const keptBytes = this.#rate.take(bytes.length);
    return keptBytes === bytes.length ? [bytes, 0] : [bytes.slice(0, keptBytes), bytes.length - keptBytes];
  }
}

/** In a result, a stream that nothing was written to is absent; one of which all was dropped is empty. @internal */
export function outputOfResult(output: GuestOutput): Pick<CallResult, 'stdout' | 'stderr' | 'droppedBytes'> {
  const { stdout, stderr, stdoutDroppedBytes, stderrDroppedBytes } = output;
  const droppedBytes = stdoutDroppedBytes + stderrDroppedBytes;
  return {
    ...(stdout.length + stdoutDroppedBytes === 0 ? {} : { stdout }),
    ...(stderr.length + stderrDroppedBytes === 0 ? {} : { stderr }),
    ...(droppedBytes === 0 ? {} : { droppedBytes }),
  };
}
