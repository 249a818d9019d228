import { type ModuleStats, isHotSwapError } from '@hotswap/core';
import type { WireUsage } from './child-messages.ts';
import { isLossOfChild } from './loss-of-child.ts';

/**
 * Counters of a module since it was loaded.
 * @internal
 */
export class CallCounters {
  #calls = 0;
  #errors = 0;
  #crashes = 0;
  #inFlight = 0;
  #peakMemoryBytes = 0;
  #memoryRefusals = 0;
  #fuelUsed = 0;

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Counts a call from its admission to its end. */
  async count<T>(work: Promise<T>): Promise<T> {
    this.#calls++;
    this.#inFlight++;
    try {
      return await work;
    } catch (error) {
      this.#errors++;
      if (isHotSwapError(error, 'HS_RUNTIME_TRAP') || isLossOfChild(error)) this.#crashes++;
      throw error;
    } finally {
      this.#inFlight--;
    }
  }

  add({ fuelUsed, peakMemoryBytes, memoryRefusals }: WireUsage): void {
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, peakMemoryBytes);
    this.#memoryRefusals += memoryRefusals;
    this.#fuelUsed += fuelUsed ?? 0;
  }

  snapshot(): ModuleStats {
    return {
      calls: this.#calls,
      errors: this.#errors,
      crashes: this.#crashes,
      inFlight: this.#inFlight,
      peakMemoryBytes: this.#peakMemoryBytes,
      memoryRefusals: this.#memoryRefusals,
      fuelUsed: this.#fuelUsed,
      throttledMs: 0,
      metrics: {},
    };
  }
}
