import { type Json, isHotSwapError } from '@hotswap/core';
import type { CompletionBatch, Dispatcher } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import type { NativeBinding } from './load-native-binding.ts';
import { mapNativeError } from './map-native-error.ts';

/** A finished call as the addon reports it. `info` is what the call's flags asked for. @internal */
export interface Completion {
  readonly value: unknown;
  readonly info: unknown;
}

interface Waiting {
  resolve(completion: Completion): void;
  reject(reason: unknown): void;
  readonly release: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Joins calls that run on the runtime's own threads with the promises that wait for them. Batches arrive on this thread;
 * the process is kept alive by the dispatcher while calls are in flight, and not otherwise.
 * @internal
 */
export class CompletionQueue {
  readonly #dispatcher: Dispatcher;
  readonly #waiting: (Waiting | undefined)[] = [];
  /** Ids that are free again; a call id is an index of `#waiting`. */
  readonly #free: number[] = [];
  #idle: (() => void)[] = [];

  constructor(native: NativeBinding) {
    this.#dispatcher = new native.Dispatcher((batch) => {
      this.#drain(batch);
    });
  }

  /** Calls that have not been answered. */
  get pending(): number {
    return this.#waiting.length - this.#free.length;
  }

  /**
   * Starts a call and waits for its end.
   * @throws HS_RUNTIME_CANCELLED with the signal's reason as cause, HS_RUNTIME_INVALID_ARGUMENT for a signal that is none, and
   * whatever the addon answered.
   */
  submit(start: (dispatcher: Dispatcher, callId: number) => void, signal?: AbortSignal): Promise<Completion> {
    if (signal?.aborted === true) return Promise.reject(cancelled(signal));
    // Before a place is taken: what throws in between would keep it, and closing would wait for it for ever.
    if (signal !== undefined && !isSignal(signal))
      return Promise.reject(
        runtimeError('HS_RUNTIME_INVALID_ARGUMENT', { path: 'options.signal', expected: 'an AbortSignal' }),
      );
    return new Promise((resolve, reject) => {
      const callId = this.#free.pop() ?? this.#waiting.length;
      let release: (() => void) | undefined;
      if (signal !== undefined) {
        const abort = (): void => void this.#dispatcher.cancel(callId);
        signal.addEventListener('abort', abort, { once: true });
        release = () => {
          signal.removeEventListener('abort', abort);
        };
      }
      this.#waiting[callId] = { resolve, reject, release, signal };
      try {
        start(this.#dispatcher, callId);
      } catch (error) {
        this.#take(callId);
        reject(mapNativeError(error));
      }
    });
  }

  /** Cancels what is in flight, refuses more, and resolves when every call has been answered. */
  async close(): Promise<void> {
    this.#dispatcher.close();
    if (this.pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #drain(batch: CompletionBatch): void {
    for (let at = 0; at < batch.length; at += 4) {
      const waiting = this.#take(batch[at] as number);
      const failure = batch[at + 1];
      if (failure === undefined) waiting.resolve({ value: batch[at + 2], info: batch[at + 3] });
      else waiting.reject(failureOf(failure, waiting.signal));
    }
  }

  #take(callId: number): Waiting {
    const waiting = this.#waiting[callId] as Waiting;
    this.#waiting[callId] = undefined;
    this.#free.push(callId);
    waiting.release?.();
    if (this.pending === 0) for (const resolve of this.#idle.splice(0)) resolve();
    return waiting;
  }
}

function isSignal(value: unknown): boolean {
  return typeof (value as Partial<AbortSignal> | null)?.addEventListener === 'function';
}

function failureOf(failure: unknown, signal: AbortSignal | undefined): Error {
  const error = mapNativeError(failure);
  if (signal?.aborted !== true || !isHotSwapError(error, 'HS_RUNTIME_CANCELLED')) return error;
  const { stdout, stderr, argumentsReturned } = error.details;
  return cancelled(signal, {
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(argumentsReturned === undefined ? {} : { argumentsReturned }),
  });
}

/** @param known what the guest had written by then, and whether it was entered at all */
function cancelled(signal: AbortSignal, known: Readonly<Record<string, Json>> = {}): Error {
  return runtimeError('HS_RUNTIME_CANCELLED', { by: 'caller', ...known }, signal.reason);
}
