import type { Json } from '../../model/json.ts';
import type { VariantMetrics } from '../../model/metrics.ts';
import { succeeded, type EffectHandler } from '../effect-handler.ts';

/** Lets the period pass, then reads both variants over it. @internal */
export const observeHandler: EffectHandler<'observe'> = {
  begin: () => [],
  async check({ input }, scope) {
    if (scope.activeMs < input.forMs) return { wakeAt: scope.now + input.forMs - scope.activeMs };
    const { tenant, deploymentId, moduleName, releaseId } = scope.spec;
    const about = { tenant, deploymentId, moduleName, since: scope.since };
    const [baseline, candidate] = await Promise.all([
      scope.metrics.read({ ...about, variant: 'baseline', nodes: input.baseline }),
      scope.metrics.read({ ...about, variant: releaseId, nodes: input.candidate }),
    ]);
    return succeeded({ baseline: plain(baseline), candidate: plain(candidate) });
  },
  expectedMs: ({ input }) => input.forMs,
};

const plain = (metrics: VariantMetrics): Json => ({ ...metrics, latency: metrics.latency && { ...metrics.latency } });
