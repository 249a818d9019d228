import { deploy, durationMs, progress, shiftTraffic, verify, strategyHealthCheck, type Strategy } from '@hotswap/core';
import { allAtOnceConfigSchema, type AllAtOnceConfig } from './all-at-once-options.ts';

/**
 * The direct swap (D-1): every node at once, checked while the release has no traffic yet, then one change of the route.
 * For development, and for fleets where a mixture of versions is worse than a short risk.
 * @public
 */
export function allAtOnce(): Strategy<AllAtOnceConfig> {
  return {
    name: 'AllAtOnce',
    version: 1,
    configSchema: allAtOnceConfigSchema,
    healthCheck: strategyHealthCheck,

    *rollout({ targets, config }) {
      yield* deploy({ nodes: targets });
      yield* verify({
        nodes: targets,
        ...(config.healthCheckTimeout === undefined ? {} : { timeoutMs: durationMs(config.healthCheckTimeout) }),
      });
      yield* shiftTraffic({ percent: 100, to: targets, among: targets });
      yield* progress({ percent: 100 });
      return { status: 'Completed' };
    },
  };
}
