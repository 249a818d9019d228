import type { EffectInput } from '../../effects/effect.ts';
import type { DeploymentSpec } from '../../model/deployment.ts';
import { checkOf, failed, succeeded, type EffectHandler } from '../effect-handler.ts';
import { unhealthy } from './node-health.ts';

const watches = (input: EffectInput<'wait'>, spec: DeploymentSpec): boolean =>
  (input.watch?.length ?? 0) > 0 && checkOf(input, spec).enabled;

/** Counts active time. Watched nodes are checked all the while, and one of them turning unhealthy ends the wait. @internal */
export const waitHandler: EffectHandler<'wait'> = {
  begin: ({ input }, { spec, step }) =>
    watches(input, spec) && input.forMs > 0
      ? [{ kind: 'probe', nodes: input.watch ?? [], releaseId: spec.releaseId, step, check: checkOf(input, spec) }]
      : [],
  async check(effect, scope) {
    const failure = await waitHandler.watch?.(effect, scope);
    if (failure) return failed(failure);
    if (scope.activeMs >= effect.input.forMs) return succeeded({ ended: 'elapsed' });
    return { wakeAt: scope.now + effect.input.forMs - scope.activeMs };
  },
  async watch({ input }, scope) {
    if (!watches(input, scope.spec)) return null;
    const progress = await scope.fleet.healthProgress(scope.spec.deploymentId, input.watch ?? [], scope.step);
    return progress.failed > 0 ? unhealthy(progress, input.failure) : null;
  },
  end: ({ input }) => (input.watch === undefined ? [] : [{ kind: 'endProbes' }]),
  expectedMs: ({ input }) => input.forMs,
};
