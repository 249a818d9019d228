import type { ModuleStats, ReleaseCallDelta } from '@hotswap/core';

type Stats = Partial<Pick<ModuleStats, 'cpuMs' | 'fuelUsed' | 'metrics' | 'gauges'>>;

/**
 * Turns what a runtime sums up since loading into what came since the last report: processor time, fuel and the module's
 * own counters. Gauges are what they are.
 * @internal
 */
export class ReportedUsage {
  #cpuMs = 0;
  #fuelUsed = 0;
  #counters: Readonly<Record<string, number>> = {};

  /** Whether one of the module's counters has moved: a report is worth its while then, even without a call. */
  isCounting(stats: Stats): boolean {
    return countersOf(stats).some(([name, value]) => value !== (this.#counters[name] ?? 0));
  }

  take(stats: Stats): Pick<ReleaseCallDelta, 'cpuMs' | 'fuelUsed' | 'counters' | 'gauges'> {
    const { cpuMs, fuelUsed = 0, metrics = {}, gauges = [] } = stats;
    const counters = countersOf(stats).map(([name, value]) => [name, Math.max(0, value - (this.#counters[name] ?? 0))]);
    const usage = {
      ...(cpuMs === undefined ? {} : { cpuMs: Math.max(0, cpuMs - this.#cpuMs) }),
      ...(fuelUsed === 0 ? {} : { fuelUsed: Math.max(0, fuelUsed - this.#fuelUsed) }),
      ...(counters.length === 0 ? {} : { counters: Object.fromEntries(counters) as Record<string, number> }),
      ...(gauges.length === 0 ? {} : { gauges: Object.fromEntries(gauges.map((name) => [name, metrics[name] ?? 0])) }),
    };
    this.#cpuMs = cpuMs ?? 0;
    this.#fuelUsed = fuelUsed;
    this.#counters = metrics;
    return usage;
  }
}

const countersOf = ({ metrics = {}, gauges = [] }: Stats): readonly (readonly [string, number])[] => {
  const excluded = new Set(gauges);
  return Object.entries(metrics).filter(([name]) => !excluded.has(name));
};
