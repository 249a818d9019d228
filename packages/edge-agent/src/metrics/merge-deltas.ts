import { mergeSketches, type ReleaseCallDelta } from '@hotswap/core';

/**
 * Puts reports of one release together, in the order in which they were made: sums, and of gauges and peaks what came
 * last or is larger.
 * @internal
 */
export function mergeDeltas(deltas: readonly ReleaseCallDelta[]): ReleaseCallDelta[] {
  const merged = new Map<string, ReleaseCallDelta>();
  for (const delta of deltas) {
    const key = JSON.stringify([delta.moduleName, delta.releaseId]);
    const known = merged.get(key);
    merged.set(key, known === undefined ? delta : add(known, delta));
  }
  return [...merged.values()];
}

function add(a: ReleaseCallDelta, b: ReleaseCallDelta): ReleaseCallDelta {
  return {
    moduleName: a.moduleName,
    releaseId: a.releaseId,
    calls: a.calls + b.calls,
    errors: a.errors + b.errors,
    crashes: a.crashes + b.crashes,
    latencySumMs: a.latencySumMs + b.latencySumMs,
    latencySumSquaresMs2: a.latencySumSquaresMs2 + b.latencySumSquaresMs2,
    latencyBuckets: mergeSketches(a.latencyBuckets, b.latencyBuckets),
    peakMemoryBytes: Math.max(a.peakMemoryBytes, b.peakMemoryBytes),
    memoryRefusals: a.memoryRefusals + b.memoryRefusals,
    ...(a.cpuMs === undefined && b.cpuMs === undefined ? {} : { cpuMs: (a.cpuMs ?? 0) + (b.cpuMs ?? 0) }),
    ...(a.fuelUsed === undefined && b.fuelUsed === undefined
      ? {}
      : { fuelUsed: (a.fuelUsed ?? 0) + (b.fuelUsed ?? 0) }),
    ...(a.counters === undefined && b.counters === undefined
      ? {}
      : { counters: mergeSketches(a.counters ?? {}, b.counters ?? {}) }),
    ...(a.gauges === undefined && b.gauges === undefined ? {} : { gauges: { ...a.gauges, ...b.gauges } }),
  };
}
