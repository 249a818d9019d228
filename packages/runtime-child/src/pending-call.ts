import type { HotSwapError } from '@hotswap/core';
import type { GuestOutput } from './guest-output.ts';
import type { Reply, RequestMessage, WirePolicy } from './child-messages.ts';
import { runtimeChildError } from './error-codes.ts';

/** A module as every child needs it before it can call it. @internal */
export interface ModuleCode {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly policy: WirePolicy;
}

/** What is asked of a child. @internal */
export interface CallRequest {
  /** Loaded first where it is not yet. Absent: the request needs none. */
  readonly code?: ModuleCode;
  /** Absent: loading is all. */
  readonly message?: (lane: number) => RequestMessage;
  readonly attached?: Uint8Array;
  readonly timeoutMs: number;
  /** What the time limit is called in an error. */
  readonly limit: 'timeoutMs' | 'loadTimeoutMs';
  readonly signal?: AbortSignal | undefined;
}

/**
 * A request on its way: waits in a queue, runs in a child, and is settled once, by its answer, its time limit, its caller or
 * the end of the child.
 * @internal
 */
export class PendingCall {
  readonly request: CallRequest;
  readonly settled: Promise<Reply>;
  /** Set while a child works on it: ends that child and says what its guest had written. */
  onCut: (() => GuestOutput | undefined) | undefined;
  /** What the guest had written when its child ended without an answer. */
  leftBehind: GuestOutput | undefined;
  readonly #admittedMs = performance.now();
  #resolve!: (reply: Reply) => void;
  #reject!: (error: unknown) => void;
  #isSettled = false;
  #leftMs: number;
  #runsSinceMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(request: CallRequest) {
    this.request = request;
    this.#leftMs = request.timeoutMs;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    request.signal?.addEventListener('abort', this.#abort, { once: true });
    this.resume();
    if (request.signal?.aborted === true) this.#abort();
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Stops the clock while the host does what is no work of the guest, such as compiling again in a fresh child. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#leftMs -= performance.now() - this.#runsSinceMs;
  }

  resume(): void {
    if (this.#isSettled) return;
    this.#runsSinceMs = performance.now();
    this.#timer = setTimeout(this.#expire, Math.max(1, this.#leftMs));
  }

  succeed(reply: Reply): void {
    if (this.#settle()) this.#resolve(reply);
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  /** Ends it from outside: the caller, a drain at its deadline, or the host. */
  cut(error: HotSwapError): void {
    const endChild = this.onCut;
    if (!this.#settle()) return;
    this.leftBehind = endChild?.();
    this.#reject(error);
  }

  readonly #abort = (): void => this.cut(runtimeChildError('HS_RUNTIME_CANCELLED', { by: 'caller' }));

  readonly #expire = (): void => {
    const { limit, timeoutMs } = this.request;
    const elapsedMs = Math.round(performance.now() - this.#admittedMs);
    this.cut(
      limit === 'loadTimeoutMs'
        ? compileLimit(timeoutMs)
        : runtimeChildError('HS_RUNTIME_TIMEOUT', { elapsedMs, limit, limitMs: timeoutMs }),
    );
  };

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.request.signal?.removeEventListener('abort', this.#abort);
    return true;
  }
}

/** Compiling took longer than a binary may keep a child busy. @internal */
export function compileLimit(limitMs: number): HotSwapError {
  const reason = `it was not done after ${limitMs} ms`;
  return runtimeChildError('HS_RUNTIME_COMPILE_LIMIT', { limit: 'loadTimeoutMs', reason });
}
