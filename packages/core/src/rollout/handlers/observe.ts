import type { EffectInput } from '../../effects/effect.ts';
import type { DeploymentSpec } from '../../model/deployment.ts';
import type { Json } from '../../model/json.ts';
import { onlyFinite, type VariantMetrics } from '../../model/metrics.ts';
import { checkOf, failed, succeeded, type EffectHandler } from '../effect-handler.ts';
import { unhealthy } from './node-health.ts';

const watches = (input: EffectInput<'observe'>, spec: DeploymentSpec): boolean =>
  (input.watch?.length ?? 0) > 0 && checkOf(input, spec).enabled;

/** Lets the period pass, then reads both variants. Watched nodes are checked all the while. @internal */
export const observeHandler: EffectHandler<'observe'> = {
  begin: ({ input }, { spec, step }) =>
    watches(input, spec) && input.forMs > 0
      ? [{ kind: 'probe', nodes: input.watch ?? [], releaseId: spec.releaseId, step, check: checkOf(input, spec) }]
      : [],
  async check(effect, scope) {
    const { input } = effect;
    const failure = await observeHandler.watch?.(effect, scope);
    if (failure) return failed(failure);
    if (scope.activeMs < input.forMs) return { wakeAt: scope.now + input.forMs - scope.activeMs };
    const { tenant, deploymentId, moduleName, releaseId } = scope.spec;
    const since = input.since === 'shift' ? (scope.shiftedAt ?? scope.since) : scope.since;
    const about = { tenant, deploymentId, moduleName, since };
    const [baseline, candidate] = await Promise.all([
      scope.metrics.read({ ...about, variant: 'baseline', nodes: input.baseline }),
      scope.metrics.read({ ...about, variant: releaseId, nodes: input.candidate }),
    ]);
    const sketches = input.sketches === true;
    return succeeded({ baseline: measured(baseline, sketches), candidate: measured(candidate, sketches) });
  },
  async watch({ input }, scope) {
    if (!watches(input, scope.spec)) return null;
    const progress = await scope.fleet.healthProgress(scope.spec.deploymentId, input.watch ?? [], scope.step);
    return progress.failed > 0 ? unhealthy(progress, input.failure) : null;
  },
  end: ({ input }) => (input.watch === undefined ? [] : [{ kind: 'endProbes' }]),
  expectedMs: ({ input }) => input.forMs,
};

/** Sketches are many times as large as all else, and a look is journalled twice: they come along only on request. */
function measured(metrics: VariantMetrics, withSketches: boolean): Json {
  const { latency, custom, ...figures } = onlyFinite(metrics);
  const { buckets, ...summary } = latency ?? { buckets: undefined };
  return {
    ...figures,
    latency: latency && { ...summary, ...(withSketches && buckets ? { buckets: { ...buckets } } : {}) },
    custom: Object.fromEntries(Object.entries(custom).map(([name, estimate]) => [name, { ...estimate }])),
  };
}
