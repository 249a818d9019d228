import { noMetrics, noMirrorTally, type Release, type TrafficMirror } from '@hotswap/core';
import { healthyMetrics } from '../scenario/scripted-metrics.ts';
import type { FleetScript } from '../scenario/scripted-fleet.ts';
import type { SeededRandom } from '../scenario/seeded-random.ts';
import { madeUpRelease, type SimulatedNode, type SimulationOptions } from '../scenario/simulation.ts';

/** A module of the storm, with what serves before and what shall. @internal */
export interface StormModule {
  readonly moduleName: string;
  readonly before: string;
  readonly after: string;
}

/** The first is the simulation's own; the others are there on some nodes of some seeds. @internal */
export const stormModules: readonly [StormModule, ...StormModule[]] = [
  { moduleName: 'greeter', before: 'v1', after: 'v2' },
  { moduleName: 'pricer', before: 'p1', after: 'p2' },
  { moduleName: 'taxer', before: 't1', after: 't2' },
];

/** @internal */
export const stormReleases: readonly Release[] = stormModules.flatMap(({ moduleName, before, after }) => [
  madeUpRelease(moduleName, before),
  madeUpRelease(moduleName, after),
]);

const usualLatency = healthyMetrics.latency ?? { averageMs: 20, varianceMs2: 4, p50Ms: 20, p95Ms: 24, p99Ms: 26 };

const servesBefore = (releaseId: string): boolean => stormModules.some(({ before }) => before === releaseId);

/** What the storm is told by whoever plays it. @internal */
export interface StormSwitch {
  /** Everything heals. */
  readonly isCalm: () => boolean;
  /** Something happened that a run should be known for. */
  readonly note: (what: string) => void;
  readonly stormMs: number;
}

/** Nodes in one to four regions, of which some do not serve anything or are not there. @internal */
export function makeFleet(random: SeededRandom): readonly SimulatedNode[] {
  const regions = ['us-east', 'us-west', 'eu-central', 'ap-south'].slice(0, random.between(1, 4));
  const serves = random.pick([0, 0.5, 1, 1, 1]);
  return regions.flatMap((region) =>
    Array.from({ length: random.between(1, 7) }, (_, n) => ({
      nodeId: `${region}-${n}`,
      region,
      zone: `${region}-${n % 2}`,
      serving: random.chance(serves) ? [{ releaseId: 'v1', weight: 100 }] : [],
      reachable: !random.chance(0.05),
    })),
  );
}

/** How nodes, messages and calls behave until it is calm. @internal */
export function makeWeather(
  random: SeededRandom,
  { isCalm, note, stormMs }: StormSwitch,
): Pick<SimulationOptions, 'metrics' | 'script'> {
  const loadFails = random.chance(0.15) ? random.between(1, 12) : 0;
  const sickFrom = random.chance(0.2) ? random.between(0, stormMs) : Infinity;
  const errorsFrom = random.chance(0.2) ? random.between(0, stormMs) : Infinity;
  const silent = random.chance(0.1);
  /** Of an experiment one variant should win now and then. */
  const latency = { ...usualLatency, averageMs: usualLatency.averageMs * random.pick([0.5, 1, 1, 1.5]) };
  const startsAt = Date.UTC(2026, 0, 1);
  const numberOf = (nodeId: string): number => Number(nodeId.split('-').at(-1));
  return {
    script: {
      ...makeMessages(random, { isCalm, note, stormMs }),
      loads: (node, releaseId) =>
        isCalm() || servesBefore(releaseId) || loadFails === 0 || numberOf(node.nodeId) % 12 !== loadFails - 1,
      healthy: (node, releaseId, now) =>
        isCalm() || servesBefore(releaseId) || now - startsAt < sickFrom || numberOf(node.nodeId) % 3 > 0,
      ...(random.chance(0.5) ? { recheckMs: random.pick([1_000, 5_000]) } : {}),
    },
    metrics: ({ variant, now }) => {
      if (silent) return noMetrics;
      if (variant === 'baseline' || servesBefore(variant)) return healthyMetrics;
      const isBad = !isCalm() && now - startsAt >= errorsFrom;
      return { ...healthyMetrics, latency, ...(isBad ? { errorRatePercent: 30 } : {}) };
    },
  };
}

/** What copies of requests come to: for all of a storm the same, so that a mirror passes, fails or stays unclear. @internal */
export function makeTally(random: SeededRandom): NonNullable<SimulationOptions['mirrored']> {
  const tally = random.pick([
    { equal: 500 },
    { equal: 400, different: 100 },
    { equal: 490, failed: 10 },
    { equal: 10 },
  ]);
  return () => ({ ...noMirrorTally, ...tally });
}

/** Copies of requests before a rollout. @internal */
export function makeMirror(random: SeededRandom, releaseId: string): TrafficMirror {
  return {
    releaseId: `${releaseId}-shadow`,
    percent: random.between(1, 100),
    duration: `PT${String(random.between(1, 60))}S`,
    nodes: random.between(1, 3),
    minimumSamples: 100,
    maxDifferentPercent: 1,
    maxFailedPercent: 1,
    compare: {},
    onInconclusive: random.pick(['pause', 'rollback']),
  };
}

/** Messages come late, twice, in the wrong order, or not at all. */
function makeMessages(
  random: SeededRandom,
  { isCalm, note }: StormSwitch,
): Pick<FleetScript, 'latencyMs' | 'arrivesAfterMs' | 'reportsAfterMs' | 'resendMs'> {
  const slowest = random.pick([20, 200, 3_000]);
  if (random.chance(0.5)) return { latencyMs: () => (isCalm() ? 20 : random.between(5, slowest)) };
  const lossy = random.pick([0.02, 0.1, 0.3]);
  const copies = (what: string): readonly number[] => {
    if (isCalm()) return [20];
    if (random.chance(lossy)) {
      note(`${what} is lost`);
      return [];
    }
    if (!random.chance(lossy)) return [random.between(5, slowest)];
    note(`${what} comes twice`);
    return [random.between(5, slowest), random.between(5, 5 * slowest)];
  };
  return {
    arrivesAfterMs: () => copies('a message to a node'),
    reportsAfterMs: () => copies('a report of a node'),
    resendMs: random.pick([1_000, 10_000]),
  };
}
