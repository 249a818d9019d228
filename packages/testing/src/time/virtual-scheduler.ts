import type { DeploymentId, Instant, Scheduler } from '@hotswap/core';
import type { RequestedWake } from '../memory/memory-database.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Time after which a wake whose handler failed is delivered again. */
const redeliveryMs = 1_000;

/**
 * Wakes deployments in virtual time. Of several wakes asked for one deployment only the earliest is kept: whoever is
 * woken by it says when the next one is due.
 * @public
 */
export class VirtualScheduler implements Scheduler {
  readonly #time: VirtualTime;
  readonly #pending = new Map<string, RequestedWake>();
  #onWake: Parameters<Scheduler['start']>[0] | null = null;
  /** Wakes that were delivered, for tests that count them. */
  deliveries = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  async start(onWake: Parameters<Scheduler['start']>[0]): Promise<void> {
    this.#onWake = onWake;
  }

  async wake(tenant: string, deploymentId: DeploymentId, at: Instant): Promise<void> {
    this.request({ tenant, deploymentId, at: Math.max(at, this.#time.now()) });
  }

  /** As {@link wake}, within a store's transaction. */
  request(wake: RequestedWake): void {
    const key = `${wake.tenant}/${wake.deploymentId}`;
    const pending = this.#pending.get(key);
    if (pending && pending.at <= wake.at) return;
    this.#pending.set(key, wake);
    this.#time.at(wake.at, () => this.#deliver(key, wake));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#onWake = null;
    this.#pending.clear();
  }

  async #deliver(key: string, wake: RequestedWake): Promise<void> {
    if (this.#pending.get(key) !== wake || !this.#onWake) return;
    this.#pending.delete(key);
    this.deliveries++;
    try {
      await this.#onWake({ tenant: wake.tenant, deploymentId: wake.deploymentId });
    } catch {
      this.request({ ...wake, at: this.#time.now() + redeliveryMs });
    }
  }
}
