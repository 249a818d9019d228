import type { ReleaseCallDelta } from '@hotswap/core';

/** Of one report of one release: no node gets that far, and a day of such reports still fits a `bigint`. */
const mostCounted = 1_000_000_000_000;
/** Of what is no count. Squares of it, and sums of these, stay within double precision. */
const mostMeasured = 1e100;
const mostSquared = mostMeasured ** 2;
/** Highest `integer` of the database. */
const mostInteger = 2_147_483_647;

/** A number that the database can take as an `integer`. @internal */
export function boundedInteger(value: number): number;
export function boundedInteger(value: number | undefined): number | undefined;
export function boundedInteger(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.min(value, mostInteger);
}

/** A measured number that calculations go on with. @internal */
export function boundedMeasure(value: number): number {
  return Math.max(-mostMeasured, Math.min(value, mostMeasured));
}

/**
 * What a report says of a release, without numbers that no sum could hold: guests choose some of them, and one sum that
 * fails would fail for every reader of the node, and for whoever sums up over all nodes.
 * @internal
 */
export function boundedDelta(delta: ReleaseCallDelta): ReleaseCallDelta {
  const { cpuMs, fuelUsed, counters, gauges } = delta;
  return {
    ...delta,
    calls: counted(delta.calls),
    errors: counted(delta.errors),
    crashes: counted(delta.crashes),
    memoryRefusals: counted(delta.memoryRefusals),
    latencySumMs: boundedMeasure(delta.latencySumMs),
    latencySumSquaresMs2: Math.min(delta.latencySumSquaresMs2, mostSquared),
    latencyBuckets: mapNumbers(delta.latencyBuckets, counted),
    ...(cpuMs === undefined ? {} : { cpuMs: boundedMeasure(cpuMs) }),
    ...(fuelUsed === undefined ? {} : { fuelUsed: boundedMeasure(fuelUsed) }),
    ...(counters === undefined ? {} : { counters: mapNumbers(counters, boundedMeasure) }),
    ...(gauges === undefined ? {} : { gauges: mapNumbers(gauges, boundedMeasure) }),
  };
}

const counted = (value: number): number => Math.min(value, mostCounted);

/** @internal */
export function mapNumbers(
  record: Readonly<Record<string, number>>,
  map: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
