import type { TrafficRouter } from '@hotswap/core';
import type { SimulatedFault } from '@hotswap/protocol';
import { activePeriod, isActiveAt, scenarioMs } from './active-period.ts';

/**
 * A router that chooses between nodes and serves each revision as much later as the script tells.
 * @internal
 */
export class LaggingRouter implements TrafficRouter {
  readonly name: string = 'simulated';
  readonly spansNodes: boolean = true;
  readonly canMirror: boolean = true;
  readonly #lags: readonly { readonly period: ReturnType<typeof activePeriod>; readonly lagMs: number }[];
  readonly #nowMs: () => number;
  readonly #revisions: { readonly revision: number; readonly servedAtMs: number }[] = [];

  constructor(faults: readonly SimulatedFault[], nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#lags = faults.flatMap((fault) =>
      fault.kind === 'routerLag' ? [{ period: activePeriod(fault), lagMs: scenarioMs(fault.lag) }] : [],
    );
  }

  /** Notes a revision; resolves with the time at which it is served, `null` when it is known already. */
  note(revision: number): number | null {
    if ((this.#revisions.at(-1)?.revision ?? 0) >= revision) return null;
    const nowMs = this.#nowMs();
    const lagMs = Math.max(0, ...this.#lags.filter(({ period }) => isActiveAt(period, nowMs)).map((lag) => lag.lagMs));
    this.#revisions.push({ revision, servedAtMs: nowMs + lagMs });
    return nowMs + lagMs;
  }

  async servedRevision(): Promise<number | null> {
    const nowMs = this.#nowMs();
    // A router applies routes in order: one that lags holds up those behind it.
    const late = this.#revisions.findIndex(({ servedAtMs }) => servedAtMs > nowMs);
    const served = late < 0 ? this.#revisions.at(-1) : this.#revisions[late - 1];
    return this.#revisions.length === 0 ? null : (served?.revision ?? 0);
  }
}
