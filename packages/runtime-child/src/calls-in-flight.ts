import type { PendingCall } from './pending-call.ts';
import { runtimeChildError } from './error-codes.ts';

/**
 * The calls that a module has taken and not finished.
 * @internal
 */
export class CallsInFlight {
  readonly #calls = new Set<PendingCall>();
  readonly #whenEmpty = new Set<() => void>();

  get count(): number {
    return this.#calls.size;
  }

  add(call: PendingCall): void {
    this.#calls.add(call);
    const remove = (): void => {
      this.#calls.delete(call);
      if (this.#calls.size > 0) return;
      for (const tell of this.#whenEmpty) tell();
      this.#whenEmpty.clear();
    };
    call.settled.then(remove, remove);
  }

  /** Waits until none is left, at most `deadlineMs`, then cuts the rest. */
  async drain(deadlineMs: number): Promise<{ readonly finished: number; readonly cut: number }> {
    const waitedFor = this.#calls.size;
    if (waitedFor > 0) await this.#untilEmpty(deadlineMs);
    const left = [...this.#calls].filter((call) => !call.isSettled);
    const error = runtimeChildError('HS_RUNTIME_CANCELLED', { by: 'drain' });
    for (const call of left) call.cut(error);
    return { finished: Math.max(0, waitedFor - left.length), cut: left.length };
  }

  async #untilEmpty(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(deadline);
        this.#whenEmpty.delete(done);
        resolve();
      };
      const deadline = setTimeout(done, deadlineMs);
      this.#whenEmpty.add(done);
    });
  }
}
