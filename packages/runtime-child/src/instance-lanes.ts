import type { HostLaunch } from './engine-launch.ts';
import { runtimeChildError } from './error-codes.ts';
import { errorOfFailure } from './error-of-failure.ts';
import type { ModulePolicy } from './module-policy.ts';
import { type ModuleCode, PendingCall } from './pending-call.ts';
import { type LaneLimits, ProcessLane } from './process-lane.ts';

/**
 * Children that each keep one open instance: no call of anything else can end them.
 * @internal
 */
export class InstanceLanes {
  readonly #launch: HostLaunch;
  readonly #maxInstances: number;
  readonly #limits: LaneLimits;
  readonly #lanes = new Set<ProcessLane>();
  readonly #opening = new Set<PendingCall>();
  #closed = false;

  constructor(launch: HostLaunch, maxInstances: number, limits: LaneLimits) {
    this.#launch = launch;
    this.#maxInstances = maxInstances;
    this.#limits = limits;
  }

  /**
   * Starts a child with an instance of that module.
   * @throws HS_RUNTIME_INSTANCE_LIMIT, HS_RUNTIME_CLOSED and the codes of instantiation
   */
  async open(code: ModuleCode, { wasi, timeoutMs }: ModulePolicy): Promise<ProcessLane> {
    if (this.#closed) throw runtimeChildError('HS_RUNTIME_CLOSED', { what: 'runtime host' });
    if (this.#lanes.size >= this.#maxInstances)
      throw runtimeChildError('HS_RUNTIME_INSTANCE_LIMIT', { limit: this.#maxInstances });
    const lane = new ProcessLane(this.#lanes.size, this.#launch, this.#limits);
    this.#lanes.add(lane);
    const open = { do: 'open', module: code.id, wasi } as const;
    const call = new PendingCall({ code, message: () => open, timeoutMs, limit: 'timeoutMs' });
    this.#opening.add(call);
    try {
      void lane.perform(call);
      const { message } = await call.settled;
      if (message.failure !== undefined) throw errorOfFailure(message.failure, this.#launch);
      return lane;
    } catch (error) {
      await this.release(lane);
      throw error;
    } finally {
      this.#opening.delete(call);
    }
  }

  /** Ends the child of an instance. */
  async release(lane: ProcessLane): Promise<void> {
    this.#lanes.delete(lane);
    await lane.end();
  }

  /** Ends all of them, also those that are being opened. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const call of this.#opening) call.cut(runtimeChildError('HS_RUNTIME_CANCELLED', { by: 'host' }));
    await Promise.all([...this.#lanes].map((lane) => this.release(lane)));
  }
}
