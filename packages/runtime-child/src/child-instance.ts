import { type CallOptions, type CallResult, type ModuleInstance, type WitValue } from '@hotswap/core';
import { answerOfCall } from './answer-of-call.ts';
import type { CallCounters } from './call-counters.ts';
import type { CallLog } from './call-log.ts';
import { callResult } from './call-result.ts';
import type { EngineLaunch } from './engine-launch.ts';
import { runtimeChildError } from './error-codes.ts';
import { type ExportIndex, encodeArguments } from './export-index.ts';
import type { InstanceLanes } from './instance-lanes.ts';
import { type ModulePolicy, callLimitMs } from './module-policy.ts';
import type { CallRequest, PendingCall } from './pending-call.ts';
import type { ProcessLane } from './process-lane.ts';

/** Calls of one instance that are admitted but not finished. */
const maxPendingCalls = 1_000;

/** What ends a call in the middle of its guest, which can go on from there no more. */
const leftWithin: Readonly<Record<string, string>> = { TRAP: 'it trapped', FUEL_EXHAUSTED: 'it used up its fuel' };

/** What an open instance is made of. @internal */
export interface ChildInstanceParts {
  readonly lane: ProcessLane;
  readonly lanes: InstanceLanes;
  readonly exports: ExportIndex;
  readonly policy: ModulePolicy;
  readonly launch: EngineLaunch;
  readonly counters: CallCounters;
  readonly log: CallLog;
  /** Admits a call to its module. @throws HS_RUNTIME_QUEUE_FULL, HS_RUNTIME_CLOSED */
  readonly accept: (request: CallRequest) => PendingCall;
  readonly onClose: (instance: ChildInstance) => void;
}

/**
 * An instance in a child of its own, which keeps its memory between calls.
 * @internal
 */
export class ChildInstance implements ModuleInstance {
  readonly #parts: ChildInstanceParts;
  /** The call that runs and those that wait for their turn, in this order. */
  readonly #calls = new Set<PendingCall>();
  #isWorking = false;
  #running: PendingCall | undefined;
  #gone: string | undefined;
  /** Settled when its child is gone, once it is closed. */
  #released: Promise<void> | undefined;

  constructor(parts: ChildInstanceParts) {
    this.#parts = parts;
    // Also between two calls: a fresh child would know nothing of it.
    void parts.lane.ended.then(() => this.#close('its process ended'));
  }

  async invoke(name: string, args: readonly WitValue[], options: CallOptions = {}): Promise<CallResult> {
    this.#assertOpen();
    const { exports, policy, counters, launch, log } = this.#parts;
    const target = exports.resolve(name);
    const values = encodeArguments(target, args, policy.maxInputBytes);
    const startedMs = performance.now();
    const call = this.#admit({
      message: () => ({
        do: 'callInstance',
        export: target.name,
        args: values,
        maxOutputBytes: log.roomBytes,
      }),
      timeoutMs: callLimitMs(policy, options),
      limit: 'timeoutMs',
      signal: options.signal,
    });
    if (!this.#isWorking) void this.#work();
    const answered = answerOfCall(call, { counters, launch, keep: (output) => log.keep(output) });
    const reply = await counters.count(answered);
    return callResult(reply, startedMs, log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // First: the end of the child would look like a crash to the call that it serves.
    this.#running?.cut(runtimeChildError('HS_RUNTIME_CANCELLED', { by: 'host' }));
    this.#close('it was closed');
    await this.#released;
  }

  #admit(request: CallRequest): PendingCall {
    if (this.#calls.size >= maxPendingCalls)
      throw runtimeChildError('HS_RUNTIME_QUEUE_FULL', { scope: 'instance', limit: maxPendingCalls });
    const call = this.#parts.accept(request);
    this.#calls.add(call);
    const leave = (): void => void this.#calls.delete(call);
    call.settled.then(leave, leave);
    return call;
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (const call of this.#calls) await this.#perform(call);
    this.#isWorking = false;
  }

  async #perform(call: PendingCall): Promise<void> {
    if (!this.#parts.lane.alive) this.#close('its process ended');
    if (this.#gone !== undefined) call.fail(stale(this.#gone));
    else if (!call.isSettled) {
      this.#running = call;
      await this.#parts.lane.perform(call);
      this.#running = undefined;
      // Before the next call has its turn.
      const reply = await call.settled.catch(() => undefined);
      const ended = leftWithin[reply?.message.failure?.code ?? ''];
      if (ended !== undefined) this.#close(ended);
    }
    // A child that was ended took the instance with it.
    if (!this.#parts.lane.alive) this.#close('its process ended');
  }

  #close(why: string): void {
    if (this.#gone !== undefined) return;
    this.#gone = why;
    this.#released = this.#parts.lanes.release(this.#parts.lane);
    this.#parts.onClose(this);
  }

  #assertOpen(): void {
    if (this.#gone !== undefined) throw stale(this.#gone);
  }
}

const stale = (reason: string): ReturnType<typeof runtimeChildError> =>
  runtimeChildError('HS_RUNTIME_STALE_HANDLE', { kind: 'instance', reason });
