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
  subtractNodes,
  unionNodes,
  verify,
  wait,
  strategyHealthCheck,
} from '@hotswap/core';
import type { NodeSet, Outcome, StageFailure, Steps, Strategy } from '@hotswap/core';
import { rollingConfigSchema, type RollingConfig } from './rolling-options.ts';
import { rollingBatches, succeededPercent, type RollingBatch } from './rolling-plan.ts';

/**
 * Batch after batch, each checked before it gets traffic (STR-5). A failed batch pauses the rollout: `retry` tries it
 * again, `resume` puts it back and goes on without it, which ends as PartiallyCompleted. So does a node that turns sick
 * between batches.
 * @public
 */
export function rolling(): Strategy<RollingConfig> {
  return {
    name: 'Rolling',
    version: 1,
    configSchema: rollingConfigSchema,
    healthCheck: strategyHealthCheck,

    *rollout({ targets, config }) {
      const total = nodeCount(targets);
      let failed: NodeSet = [];
      for (const batch of rollingBatches(targets, config.batchSize)) {
        const replaced = yield* replaceBatch(batch, config);
        if (!replaced) failed = unionNodes(failed, batch.nodes);
        const done = subtractNodes(batch.upTo, failed);
        yield* progress({ percent: succeededPercent(nodeCount(done), total) });
        if (!batch.last) failed = unionNodes(failed, yield* waitBetween(done, config));
      }
      return outcome(failed, total);
    },
  };
}

/** Until the batch has the release, or a person goes on without it. */
function* replaceBatch(batch: RollingBatch, config: RollingConfig): Steps<boolean> {
  for (;;) {
    const tried = yield* attempt(() => replaceNodes(batch.nodes, config));
    if (tried.ok) return true;
    if (!config.pauseOnFailure || tried.failure.cause === 'trigger') yield* fail(tried.failure);
    const command = yield* askWhatNext(tried.failure);
    if (command === 'retry') continue;
    yield* restore({ nodes: batch.nodes, reason: tried.failure.message });
    return false;
  }
}

/** The time between two batches. Returns what was put back in it, because a person goes on without. */
function* waitBetween(done: NodeSet, config: RollingConfig): Steps<NodeSet> {
  let sick: NodeSet = [];
  for (;;) {
    const watch = subtractNodes(done, sick);
    const tried = yield* attempt(() =>
      wait({ forMs: durationMs(config.batchDelay), reason: 'between batches', watch }),
    );
    if (tried.ok) return sick;
    if (!config.pauseOnFailure || tried.failure.cause === 'trigger') yield* fail(tried.failure);
    const command = yield* askWhatNext(tried.failure);
    if (command === 'retry') continue;
    const named = tried.failure.nodes ?? [];
    const nodes = nodeCount(named) > 0 ? named : watch;
    yield* restore({ nodes, reason: tried.failure.message });
    sick = unionNodes(sick, nodes);
  }
}

function* replaceNodes(nodes: NodeSet, config: RollingConfig): Steps {
  yield* deploy({ nodes });
  yield* verify({ nodes, timeoutMs: durationMs(config.healthCheckTimeout) });
  yield* shiftTraffic({ percent: 100, to: nodes, among: nodes });
}

function* askWhatNext(failure: StageFailure): Steps<'retry' | 'resume'> {
  yield* notify({ text: `Rollout paused: ${failure.message}`, severity: 'warning' });
  const { command } = yield* pause({ reason: failure.message, accepts: ['retry', 'resume'] });
  return command === 'retry' ? 'retry' : 'resume';
}

function outcome(failed: NodeSet, total: number): Outcome {
  const count = nodeCount(failed);
  if (count === 0) return { status: 'Completed' };
  if (count === total) return { status: 'RolledBack', message: 'Every batch failed and was put back', failed };
  return {
    status: 'PartiallyCompleted',
    message: `${String(count)} of ${String(total)} nodes kept the former version`,
    failed,
  };
}
