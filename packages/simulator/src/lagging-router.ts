import type { TrafficRouter } from '@hotswap/core';
import type { SimulatedFault } from '@hotswap/protocol';
import { activePeriod, isActiveAt, scenarioMs } from './active-period.ts';

/**
 * A router that chooses between nodes and serves each revision of a route as much later as the script tells.
 * @internal
 */
export class LaggingRouter implements TrafficRouter {
  readonly name: string = 'simulated';
  readonly spansNodes: boolean = true;
  readonly canMirror: boolean = true;
  readonly #lags: readonly { readonly period: ReturnType<typeof activePeriod>; readonly lagMs: number }[];
  readonly #nowMs: () => number;
  readonly #byModule = new Map<string, { readonly revision: number; readonly servedAtMs: number }[]>();

  constructor(faults: readonly SimulatedFault[], nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#lags = faults.flatMap((fault) =>
      fault.kind === 'routerLag' ? [{ period: activePeriod(fault), lagMs: scenarioMs(fault.lag) }] : [],
    );
  }

  /** Notes a revision of a module's route; the time at which it is served, `null` when it is known already. */
  note(moduleName: string, revision: number): number | null {
    const revisions = this.#byModule.get(moduleName) ?? [];
    this.#byModule.set(moduleName, revisions);
    if ((revisions.at(-1)?.revision ?? 0) >= revision) return null;
    const nowMs = this.#nowMs();
    const lagMs = Math.max(0, ...this.#lags.filter(({ period }) => isActiveAt(period, nowMs)).map((lag) => lag.lagMs));
    revisions.push({ revision, servedAtMs: nowMs + lagMs });
    return nowMs + lagMs;
  }

  async servedRevision(_tenant: string, moduleName: string): Promise<number | null> {
    const nowMs = this.#nowMs();
    const revisions = this.#byModule.get(moduleName) ?? [];
    // A router applies routes in order: one that lags holds up those behind it.
    const late = revisions.findIndex(({ servedAtMs }) => servedAtMs > nowMs);
    const served = late < 0 ? revisions.at(-1) : revisions[late - 1];
    return revisions.length === 0 ? null : (served?.revision ?? 0);
  }
}
