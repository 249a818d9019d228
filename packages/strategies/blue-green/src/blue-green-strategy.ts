import {
  bake,
  deploy,
  durationMs,
  fail,
  nodeCount,
  pause,
  progress,
  shiftTraffic,
  verify,
  strategyHealthCheck,
} from '@hotswap/core';
import type { Strategy } from '@hotswap/core';
import { blueGreenConfigSchema, type BlueGreenConfig } from './blue-green-options.ts';
import { environmentsOf } from './blue-green-plan.ts';

const failure = 'Green environment health checks failed';

/**
 * The new version on other nodes (Green), checked there, then one atomic switch of all requests (STR-4). The old version
 * stays warm on its nodes (Blue), so that the way back is one switch as well.
 * @public
 */
export function blueGreen(): Strategy<BlueGreenConfig> {
  return {
    name: 'BlueGreen',
    version: 1,
    configSchema: blueGreenConfigSchema,
    healthCheck: strategyHealthCheck,
    // What has no release now is the room of the next Green.
    keepsSpareNodes: ({ placement }) => placement === 'separate',

    *rollout({ targets, running, config }) {
      const { blue, green, both } = environmentsOf(targets, running, config.placement);
      if (nodeCount(green) < nodeCount(blue)) {
        yield* fail({
          cause: 'capacity',
          message: 'Insufficient capacity for Green environment',
          facts: { blue: nodeCount(blue), green: nodeCount(green) },
        });
      }
      yield* deploy({ nodes: green });
      yield* verify({ nodes: green, timeoutMs: durationMs(config.healthCheckTimeout), failure });
      yield* progress({ percent: 50, stage: 'Green' });
      if (!config.autoPromote) yield* pause({ reason: 'Waiting for the switch to Green', accepts: ['promote'] });
      yield* shiftTraffic({ percent: 100, to: green, among: both });
      const evaluationMs = durationMs(config.evaluationPeriod);
      if (evaluationMs > 0) yield* bake({ forMs: evaluationMs, nodes: green, failure });
      yield* progress({ percent: 100, stage: 'Switched' });
      return {
        status: 'Completed',
        retain: [{ forMs: config.keepBlueEnvironment ? durationMs(config.blueRetentionPeriod) : 0, retire: blue }],
      };
    },
  };
}
