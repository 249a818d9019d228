import {
  bake,
  deploy,
  durationMs,
  nodeCount,
  pause,
  progress,
  shiftTraffic,
  strategyHealthCheck,
  type Strategy,
} from '@hotswap/core';
import { canaryConfigSchema, type CanaryConfig } from './canary-options.ts';
import { canaryStages } from './canary-plan.ts';

/**
 * Ever more nodes and requests, each stage watched by health checks and triggers before the next (STR-1, STR-2). A
 * stage that fails brings everything back.
 * @public
 */
export function canary(): Strategy<CanaryConfig> {
  return {
    name: 'Canary',
    version: 1,
    configSchema: canaryConfigSchema,
    healthCheck: strategyHealthCheck,

    *rollout({ targets, config }) {
      for (const stage of canaryStages(targets, config.stages)) {
        if (nodeCount(stage.added) > 0) yield* deploy({ nodes: stage.added });
        yield* shiftTraffic({ percent: stage.percent, to: stage.nodes, among: targets });
        yield* bake({
          forMs: durationMs(config.evaluationPeriod),
          nodes: stage.nodes,
          failure: `Health checks failed at stage ${String(stage.percent)}%`,
        });
        yield* progress({ percent: stage.percent, stage: `${String(stage.percent)}%` });
        if (!config.autoPromote && stage.next !== undefined) {
          yield* pause({ reason: `Waiting for promotion to ${String(stage.next)}%`, accepts: ['promote'] });
        }
      }
      return { status: 'Completed' };
    },
  };
}
