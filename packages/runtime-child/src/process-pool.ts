import type { Reply } from './child-messages.ts';
import { type CallEnd, CrashBackOff } from './crash-back-off.ts';
import type { HostLaunch } from './engine-launch.ts';
import type { EngineProcess } from './engine-process.ts';
import { runtimeChildError } from './error-codes.ts';
import { isLossOfChild } from './loss-of-child.ts';
import { type CallRequest, PendingCall } from './pending-call.ts';
import { type LaneLimits, ProcessLane } from './process-lane.ts';

/** @internal */
export interface PoolOptions {
  readonly launch: HostLaunch;
  readonly processes: number;
  readonly maxPendingCalls: number;
  readonly limits: LaneLimits;
}

/**
 * Children that share the calls of all modules. A call goes to an idle child, at best to one that holds its module; when all
 * are busy it waits for its turn. Calls of a module that keeps ending children let those of others go first.
 * @internal
 */
export class ProcessPool {
  readonly #options: PoolOptions;
  readonly #lanes: ProcessLane[] = [];
  readonly #queue = new Set<PendingCall>();
  readonly #running = new Set<PendingCall>();
  /** Lanes that have work; only these are not idle. */
  readonly #working = new Set<ProcessLane>();
  readonly #forgotten = new Set<number>();
  readonly #backOff = new CrashBackOff(() => this.#dispatch());
  /** Accepted and not settled. */
  #pending = 0;
  #closed = false;

  constructor(options: PoolOptions, first: EngineProcess) {
    this.#options = options;
    this.#lanes.push(new ProcessLane(0, options.launch, options.limits, first));
  }

  /** Counts a request until it is settled, wherever it is served. @throws HS_RUNTIME_QUEUE_FULL, HS_RUNTIME_CLOSED */
  accept(request: CallRequest): PendingCall {
    if (this.#closed) throw runtimeChildError('HS_RUNTIME_CLOSED', { what: 'runtime host' });
    const { maxPendingCalls } = this.#options;
    if (this.#pending >= maxPendingCalls)
      throw runtimeChildError('HS_RUNTIME_QUEUE_FULL', { scope: 'host', limit: maxPendingCalls });
    const call = new PendingCall(request);
    this.#pending++;
    const module = request.code?.id;
    // One that was given up keeps no place.
    const leave = (how: CallEnd): void => {
      this.#pending--;
      this.#queue.delete(call);
      if (module !== undefined) this.#backOff.ended(module, call, how);
    };
    call.settled.then(
      () => leave('answered'),
      (error: unknown) => leave(isLossOfChild(error) ? 'lost' : 'cut'),
    );
    return call;
  }

  /** Admits a request to the children of this pool. @throws as `accept` */
  admit(request: CallRequest): PendingCall {
    const call = this.accept(request);
    const lane = this.#isHeld(call) ? undefined : this.#idleLane(request.code?.id);
    if (lane === undefined) this.#queue.add(call);
    else void this.#work(lane, call);
    return call;
  }

  async submit(request: CallRequest): Promise<Reply> {
    return await this.admit(request).settled;
  }

  /** Takes a module out of every child, of busy ones as soon as they are idle. */
  forget(module: number): void {
    if (this.#closed) return;
    this.#backOff.forget(module);
    this.#forgotten.add(module);
    for (const lane of this.#lanes) if (!this.#working.has(lane)) void this.#work(lane, undefined);
  }

  /** Cuts what is under way and ends the children. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = runtimeChildError('HS_RUNTIME_CANCELLED', { by: 'host' });
    for (const call of [...this.#queue, ...this.#running]) call.cut(error);
    this.#backOff.close();
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  #idleLane(module: number | undefined): ProcessLane | undefined {
    const idle = this.#lanes.filter((lane) => !this.#working.has(lane));
    const isSuspect = module !== undefined && this.#backOff.suspects(module);
    const best =
      // The other children are left to those who do not end them.
      (isSuspect ? idle.find((lane) => !lane.alive) : undefined) ??
      (module === undefined ? undefined : idle.find((lane) => lane.holds(module))) ??
      idle.find((lane) => lane.alive) ??
      idle[0];
    if (best !== undefined || this.#lanes.length >= this.#options.processes) return best;
    const { launch, limits } = this.#options;
    const added = new ProcessLane(this.#lanes.length, launch, limits);
    this.#lanes.push(added);
    return added;
  }

  async #work(lane: ProcessLane, first: PendingCall | undefined): Promise<void> {
    this.#working.add(lane);
    let call = first;
    while (call !== undefined || this.#hasForgotten(lane)) {
      if (call !== undefined) {
        const module = call.request.code?.id;
        if (module !== undefined) this.#backOff.began(module, call);
        this.#running.add(call);
        await lane.perform(call);
        this.#running.delete(call);
      }
      await this.#forgetIn(lane);
      call = this.#nextQueued();
    }
    this.#working.delete(lane);
  }

  /** Gives idle children what was held back until now. */
  #dispatch(): void {
    for (const call of this.#queue) {
      if (!this.#mayRun(call)) continue;
      const lane = this.#idleLane(call.request.code?.id);
      if (lane === undefined) return;
      this.#queue.delete(call);
      void this.#work(lane, call);
    }
  }

  #nextQueued(): PendingCall | undefined {
    for (const call of this.#queue) {
      if (!this.#mayRun(call)) continue;
      this.#queue.delete(call);
      return call;
    }
    return undefined;
  }

  #mayRun(call: PendingCall): boolean {
    return !call.isSettled && !this.#isHeld(call);
  }

  #isHeld({ request: { code } }: PendingCall): boolean {
    return code !== undefined && this.#backOff.holds(code.id);
  }

  #hasForgotten(lane: ProcessLane): boolean {
    return [...this.#forgotten].some((module) => lane.holds(module));
  }

  async #forgetIn(lane: ProcessLane): Promise<void> {
    for (const module of this.#forgotten) if (lane.holds(module)) await lane.forget(module);
    // Ids are never used again: once no child holds a module, nothing is left of it.
    for (const module of this.#forgotten)
      if (!this.#lanes.some((other) => other.holds(module))) this.#forgotten.delete(module);
  }
}
