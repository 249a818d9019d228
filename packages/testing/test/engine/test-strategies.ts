import { z } from 'zod';
import {
  attempt,
  bake,
  deploy,
  durationMs,
  fail,
  judge,
  nodeCount,
  notify,
  observe,
  pause,
  progress,
  restore,
  shiftTraffic,
  sliceNodes,
  subtractNodes,
  unionNodes,
  verify,
  wait,
  within,
  type Json,
  type NodeSet,
  type Outcome,
  type RolloutContext,
  type Steps,
  type Strategy,
} from '@hotswap/core';

const anything = z.record(z.string(), z.json()).prefault({});

/** A strategy out of its steps. */
export function strategyOf(
  name: string,
  rollout: (context: RolloutContext<never>) => Steps<Outcome>,
  more: Partial<Strategy<unknown>> = {},
): Strategy<unknown> {
  return { name, version: 1, configSchema: anything, rollout: rollout, ...more };
}

interface Staged {
  readonly stages?: readonly number[];
  readonly bakeMs?: number;
  readonly promoteByHand?: boolean;
}

/** Stages of nodes and traffic, shaped like a canary. */
export const staged: Strategy<unknown> = strategyOf('Staged', function* ({ targets, config }: RolloutContext<Staged>) {
  const stages = config.stages ?? [10, 50, 100];
  let reached: NodeSet = [];
  for (const [at, percent] of stages.entries()) {
    const nodes = sliceNodes(targets, 0, Math.ceil((nodeCount(targets) * percent) / 100));
    yield* deploy({ nodes: subtractNodes(nodes, reached) });
    yield* shiftTraffic({ percent, to: nodes, among: targets });
    yield* bake({ forMs: config.bakeMs ?? 300_000, nodes, failure: `Health checks failed at stage ${percent}%` });
    yield* progress({ percent, stage: `${percent}%` });
    if (config.promoteByHand === true && at + 1 < stages.length)
      yield* pause({ reason: `Waiting for promotion to ${stages[at + 1]}%`, accepts: ['promote'] });
    reached = nodes;
  }
  return { status: 'Completed' };
});

/** Batches that stop for a person when one fails, shaped like a rolling update. */
export const batched: Strategy<unknown> = strategyOf(
  'Batched',
  function* ({ targets, config }: RolloutContext<{ readonly size?: number; readonly delayMs?: number }>) {
    const size = config.size ?? 4;
    let failed: NodeSet = [];
    for (let at = 0; at < nodeCount(targets); at += size) {
      const nodes = sliceNodes(targets, at, at + size);
      for (;;) {
        const tried = yield* attempt(function* () {
          yield* deploy({ nodes });
          yield* shiftTraffic({ percent: 100, to: nodes, among: nodes });
          yield* verify({ nodes });
        });
        if (tried.ok) break;
        if (tried.failure.cause === 'trigger') yield* fail(tried.failure);
        yield* notify({ text: tried.failure.message, severity: 'warning' });
        const { command } = yield* pause({ reason: tried.failure.message, accepts: ['retry', 'resume'] });
        if (command === 'retry') continue;
        yield* restore({ nodes, reason: tried.failure.message });
        failed = unionNodes(failed, nodes);
        break;
      }
      const done = Math.min(at + size, nodeCount(targets)) - nodeCount(failed);
      yield* progress({ percent: Math.floor((done * 100) / nodeCount(targets)) });
      if (at + size < nodeCount(targets)) yield* wait({ forMs: config.delayMs ?? 30_000, reason: 'between batches' });
    }
    return nodeCount(failed) > 0 ? { status: 'PartiallyCompleted', failed } : { status: 'Completed' };
  },
);

/** A second set of nodes, checked, then one switch, the first set kept for a while: shaped like blue-green. */
export const twoSets: Strategy<unknown> = strategyOf('TwoSets', function* ({ targets, running: blue }) {
  const green = subtractNodes(targets, blue);
  if (nodeCount(green) < nodeCount(blue))
    yield* fail({ cause: 'capacity', message: 'Insufficient capacity for Green environment' });
  yield* deploy({ nodes: green });
  yield* verify({ nodes: green, failure: 'Green environment health checks failed', timeoutMs: 30_000 });
  yield* shiftTraffic({ percent: 100, to: green, among: targets });
  yield* progress({ percent: 100 });
  return { status: 'Completed', retain: [{ forMs: durationMs('PT1H'), retire: blue }] };
});

interface ByRegion {
  readonly order?: readonly string[];
  readonly delayMs?: number;
  readonly abortOnRegionFailure?: boolean;
  readonly inner?: string;
  readonly innerConfig?: Json;
}

/** One region after the other, each by another strategy; a failed region is put back alone: shaped like regional. */
export const byRegion: Strategy<unknown> = strategyOf(
  'ByRegion',
  function* ({ regions, config, inner }: RolloutContext<ByRegion>) {
    const order = (config.order ?? Object.keys(regions).sort()).filter(
      (region) => nodeCount(regions[region] ?? []) > 0,
    );
    let failed: NodeSet = [];
    for (const [at, region] of order.entries()) {
      const targets = regions[region] ?? [];
      const share = (n: number): number => Math.floor((n * 100) / order.length);
      const isLast = at + 1 === order.length;
      const tried = yield* attempt(() =>
        within(
          targets,
          share(at),
          share(at + 1),
          (function* (): Steps {
            yield* inner(config.inner ?? 'Staged', {
              targets,
              config: config.innerConfig ?? { stages: [25, 100], bakeMs: 300_000 },
            });
            if (!isLast) yield* wait({ forMs: config.delayMs ?? 600_000, reason: `after ${region}` });
          })(),
        ),
      );
      if (tried.ok) continue;
      yield* within(targets, 0, 0, restore({ nodes: targets, reason: `${region}: ${tried.failure.message}` }));
      failed = unionNodes(failed, targets);
      if (config.abortOnRegionFailure === true)
        return { status: 'PartiallyCompleted', message: `${region} failed`, failed };
    }
    if (nodeCount(failed) === 0) return { status: 'Completed' };
    const all = order.reduce((sum, region) => sum + nodeCount(regions[region] ?? []), 0);
    return nodeCount(failed) === all
      ? { status: 'RolledBack', message: 'Every region failed', failed }
      : { status: 'PartiallyCompleted', failed };
  },
);

interface Compared {
  readonly percentB?: number;
  readonly durationMs?: number;
  readonly onInconclusive?: 'rollback' | 'pause' | 'extend';
}

/** Two variants side by side until a verdict: shaped like an A/B test. */
export const compared: Strategy<unknown> = strategyOf(
  'Compared',
  function* ({ targets, config }: RolloutContext<Compared>) {
    const b = sliceNodes(targets, 0, Math.ceil((nodeCount(targets) * (config.percentB ?? 20)) / 100));
    const a = subtractNodes(targets, b);
    yield* deploy({ nodes: b });
    yield* shiftTraffic({ percent: config.percentB ?? 20, to: b, among: targets });
    for (let look = 0; look < 4; look++) {
      const seen = yield* observe({ forMs: config.durationMs ?? 1_800_000, baseline: a, candidate: b });
      const { verdict } = yield* judge({
        ...seen,
        criteria: {
          metric: 'avg_latency_ms',
          comparison: 'lower_is_better',
          thresholdPercent: 10,
          minimumSampleSize: 1_000,
        },
      });
      if (verdict === 'Inconclusive' && look < 3) continue;
      if (verdict === 'Inconclusive' && config.onInconclusive === 'pause')
        yield* pause({ reason: 'Inconclusive', accepts: ['promote'] });
      else if (verdict !== 'B') {
        yield* restore({ nodes: targets, reason: 'Variant A won' });
        return { status: 'Completed', message: verdict === 'A' ? 'Variant A won' : 'Inconclusive', verdict };
      }
      yield* deploy({ nodes: a });
      yield* shiftTraffic({ percent: 100, to: targets, among: targets });
      yield* progress({ percent: 100 });
      return { status: 'Completed', message: 'Variant B won', verdict };
    }
    return { status: 'Completed' };
  },
);

/** All of them. */
export const testStrategies: readonly Strategy<unknown>[] = [staged, batched, twoSets, byRegion, compared];
