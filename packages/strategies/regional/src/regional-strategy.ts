import {
  attempt,
  deploy,
  durationMs,
  fail,
  nodeCount,
  notify,
  pause,
  progress,
  restore,
  shiftTraffic,
  verify,
  wait,
  within,
  strategyHealthCheck,
} from '@hotswap/core';
import type { OffPeakWindow, Outcome, RolloutContext, Steps, Strategy } from '@hotswap/core';
import { regionsInOrder, type Region } from './region-order.ts';
import { makeRegionalSchema, regionalName, regionsNamed } from './regional-options.ts';
import type { InnerStrategy, RegionalConfig, RegionalOptions } from './regional-options.ts';
import { regionalOutcome, type RegionResult } from './regional-outcome.ts';
import { servedBy } from './serving-nodes.ts';

type Context = RolloutContext<RegionalConfig>;

/**
 * One region after the other, each watched before the next begins, in its off-peak hours where that is asked for, and
 * by any strategy (STR-6). A region that fails is put back alone.
 * @public
 */
export function regional(options: RegionalOptions = {}): Strategy<RegionalConfig> {
  return {
    name: regionalName,
    version: 1,
    configSchema: makeRegionalSchema(options.strategies),
    healthCheck: strategyHealthCheck,
    namedRegions: regionsNamed,
    keepsSpareNodes: ({ inner, regions }) =>
      [inner, ...Object.values(regions)].some((chosen) =>
        options
          .strategies?.()
          .some((one) => one.name === chosen?.strategy && one.keepsSpareNodes?.(chosen.config) === true),
      ),

    *rollout(context) {
      const regions = regionsInOrder(context.regions, context.config.regionOrder);
      const results: RegionResult[] = [];
      for (const [at, region] of regions.entries()) {
        const done = results.filter(({ why }) => why === undefined).length;
        const result = yield* within(
          region.nodes,
          share(done, regions.length),
          share(done + 1, regions.length),
          tryRegion(context, region, regions[at + 1]),
        );
        results.push(result);
        if (result.why !== undefined && context.config.abortOnRegionFailure) break;
      }
      return regionalOutcome(regions, results);
    },
  };
}

const share = (done: number, all: number): number => Math.floor((done * 100) / all);

/** Rolls a region out, or puts it back as it was. */
function* tryRegion(context: Context, region: Region, next: Region | undefined): Steps<RegionResult> {
  const tried = yield* attempt(() => rollOutRegion(context, region, next));
  if (tried.ok) return tried.value;
  const why = tried.failure.message;
  yield* putBack(region, why);
  return { region, failed: region.nodes, why };
}

function* rollOutRegion(context: Context, region: Region, next: Region | undefined): Steps<RegionResult> {
  const { config } = context;
  const failure = `Health checks failed in region ${region.name}`;
  yield* progress({ percent: 0, stage: region.name });
  const windows = valueOf(config.offPeak, region.name);
  if (windows) yield* wait({ forMs: 0, reason: `off-peak hours of ${region.name}`, windows });
  const chosen = valueOf(config.regions, region.name) ?? config.inner;
  const { value: outcome, nodes } = yield* servedBy(
    chosen ? runInner(context, chosen, region) : replaceAll(region, failure),
  );
  if (next && nodeCount(nodes) > 0) {
    yield* wait({
      ...{ forMs: durationMs(config.interRegionDelay), reason: `before ${next.name}`, watch: nodes, failure },
      ...hoursOf(valueOf(config.offPeak, next.name)),
    });
  }
  if (nodeCount(nodes) > 0) yield* verify({ nodes, failure });
  yield* progress({ percent: 100, stage: region.name });
  if (nodeCount(nodes) === 0)
    return { region, failed: region.nodes, why: outcome.message ?? 'it keeps the old version' };
  const { failed = [], retain } = outcome;
  return { region, failed, ...(retain === undefined ? {} : { retain }) };
}

/** The steps of text 002: all nodes of the region at once. */
function* replaceAll({ nodes }: Region, failure: string): Steps<Outcome> {
  yield* deploy({ nodes });
  yield* verify({ nodes, failure });
  yield* shiftTraffic({ percent: 100, to: nodes, among: nodes });
  return { status: 'Completed' };
}

function* runInner(context: Context, { strategy, config }: InnerStrategy, { name, nodes }: Region): Steps<Outcome> {
  const outcome = yield* context.inner(strategy, { targets: nodes, config });
  if (outcome.status === 'RolledBack')
    yield* fail({ message: outcome.message ?? `${strategy} took everything back in region ${name}`, nodes });
  return outcome;
}

/** Only this region: the others are none of its business. What cannot be put back is for a person to decide. */
function* putBack({ name, nodes }: Region, why: string): Steps {
  yield* notify({ text: `Region ${name} is put back: ${why}`, severity: 'warning' });
  for (;;) {
    const tried = yield* attempt(() => restore({ nodes, reason: `${name}: ${why}` }));
    if (tried.ok) return;
    const reason = `Region ${name} could not be put back: ${tried.failure.message}`;
    const { command } = yield* pause({ reason, accepts: ['retry', 'resume'] });
    if (command !== 'retry') return;
  }
}

const hoursOf = (windows: readonly OffPeakWindow[] | undefined): { windows?: readonly OffPeakWindow[] } =>
  windows === undefined ? {} : { windows };

function valueOf<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
