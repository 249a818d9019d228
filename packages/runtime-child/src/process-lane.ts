import { setTimeout as delay } from 'node:timers/promises';
import type { Reply } from './child-messages.ts';
import { backOffMs } from './crash-back-off.ts';
import type { HostLaunch } from './engine-launch.ts';
import { EngineProcess } from './engine-process.ts';
import { isLossOfChild } from './loss-of-child.ts';
import { errorOfFailure } from './error-of-failure.ts';
import type { GuestOutput } from './guest-output.ts';
import { type ModuleCode, type PendingCall, compileLimit } from './pending-call.ts';

const nothing = new Uint8Array();

/** Time limits of what a child does for the host, not for a call. @internal */
export interface LaneLimits {
  /** Of compiling a module again before a call. */
  readonly loadTimeoutMs: number;
  /** Of letting go of a module. */
  readonly unloadTimeoutMs: number;
}

/**
 * A place for one child at a time, and one request at a time. A child that ended, for whatever reason, is replaced by a
 * fresh one when the next request comes; one that does not start is tried ever later. Modules that keep ending children wait
 * before they get here.
 * @internal
 */
export class ProcessLane {
  readonly index: number;
  readonly #launch: HostLaunch;
  readonly #limits: LaneLimits;
  readonly #loaded = new Set<number>();
  readonly #ending = new AbortController();
  #process: EngineProcess | undefined;
  #starting: Promise<unknown> | undefined;
  /** In a row. */
  #failedStarts = 0;

  constructor(index: number, launch: HostLaunch, limits: LaneLimits, process?: EngineProcess) {
    this.index = index;
    this.#launch = launch;
    this.#limits = limits;
    this.#process = process;
  }

  get alive(): boolean {
    return this.#process?.alive === true;
  }

  /** Settled when its child of this moment is gone. */
  get ended(): Promise<void> {
    return this.#process?.exited ?? Promise.resolve();
  }

  holds(module: number): boolean {
    return this.alive && this.#loaded.has(module);
  }

  /** Does one request; it is settled when this resolves. */
  async perform(call: PendingCall): Promise<void> {
    call.onCut = () => this.#cut();
    let process: EngineProcess | undefined;
    try {
      process = await this.#ready(call);
      if (process === undefined) return;
      const { code, message, attached = nothing } = call.request;
      const loaded = code === undefined ? undefined : await this.#load(process, code, call);
      if (call.isSettled) return;
      const reply = message === undefined ? loaded : await process.request(message(this.index), attached);
      if (reply !== undefined) call.succeed(reply);
    } catch (error) {
      call.leftBehind ??= process?.leftBehind;
      call.fail(error);
    } finally {
      call.onCut = undefined;
    }
  }

  /** Takes a module out of an idle child. One that does not let go of it in time is ended, with all that it holds. */
  async forget(module: number): Promise<void> {
    const process = this.#process;
    if (!this.#loaded.delete(module) || process?.alive !== true) return;
    const { unloadTimeoutMs } = this.#limits;
    const { unheardEnds } = this.#launch;
    const deadline = setTimeout(() => {
      unheardEnds.tell('HS_RUNTIME_TIMEOUT', `it did not let go of a module within ${unloadTimeoutMs} ms`);
      process.kill();
    }, unloadTimeoutMs);
    try {
      await process.request({ do: 'unload', module }, nothing);
    } catch (error) {
      // The child is gone, and the module with it: the next request gets a fresh one, and what it needs is loaded again.
      if (isLossOfChild(error) && !process.killed) unheardEnds.tell(error.code, error.details.how);
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Ends its child at once, whatever it does, and waits until it is gone. */
  async end(): Promise<void> {
    this.#process?.kill();
    await this.close();
  }

  /** Lets its child end itself, and waits until it is gone. */
  async close(): Promise<void> {
    this.#ending.abort();
    await this.#starting;
    await this.#process?.close();
  }

  /** Ends the child. One that had ended before has nothing to say of this call. */
  #cut(): GuestOutput | undefined {
    const process = this.#process;
    if (process?.alive !== true) return undefined;
    process.kill();
    return process.leftBehind;
  }

  /** A living child, or undefined when the request was settled in the meantime. */
  async #ready(call: PendingCall): Promise<EngineProcess | undefined> {
    if (this.#process?.alive === true) return this.#process;
    this.#loaded.clear();
    const { signal } = this.#ending;
    // The call that waits has a time limit of its own.
    if (this.#failedStarts > 0)
      await delay(backOffMs(this.#failedStarts), undefined, { ref: false, signal }).catch(() => undefined);
    if (call.isSettled || signal.aborted) return undefined;
    call.pause();
    const starting = EngineProcess.start(this.#launch, signal);
    this.#starting = starting.catch(() => undefined);
    try {
      this.#process = (await starting).process;
    } catch (error) {
      this.#failedStarts++;
      throw error;
    }
    this.#failedStarts = 0;
    call.resume();
    return call.isSettled || signal.aborted ? undefined : this.#process;
  }

  /** Bounded by a limit of its own: compiling is no work of the call. */
  async #load(process: EngineProcess, code: ModuleCode, call: PendingCall): Promise<Reply | undefined> {
    if (this.#loaded.has(code.id)) return undefined;
    const isOwnWork = call.request.message === undefined;
    if (!isOwnWork) call.pause();
    const { loadTimeoutMs } = this.#limits;
    const deadline = isOwnWork ? undefined : setTimeout(() => call.cut(compileLimit(loadTimeoutMs)), loadTimeoutMs);
    try {
      const reply = await process.request({ do: 'load', module: code.id, policy: code.policy }, code.bytes);
      if (reply.message.failure === undefined) this.#loaded.add(code.id);
      else if (!isOwnWork) throw errorOfFailure(reply.message.failure, this.#launch);
      return reply;
    } finally {
      clearTimeout(deadline);
      if (!isOwnWork) call.resume();
    }
  }
}
