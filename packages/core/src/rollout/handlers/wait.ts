import type { EffectInput } from '../../effects/effect.ts';
import { pausesWithoutData } from '../../model/auto-rollback.ts';
import type { DeploymentSpec, Instant } from '../../model/deployment.ts';
import { isOffPeak, nextOffPeak } from '../../model/off-peak-window.ts';
import { checkOf, failed, succeeded, type EffectHandler } from '../effect-handler.ts';
import { unhealthy } from './node-health.ts';

const watches = (input: EffectInput<'wait'>, spec: DeploymentSpec): boolean =>
  (input.watch?.length ?? 0) > 0 && checkOf(input, spec).enabled;

/** A wait of no length lasts until its gates have data. */
const mayAwaitData = ({ autoRollback: { enabled, triggers } }: DeploymentSpec): boolean =>
  enabled && triggers.some(pausesWithoutData);

/** When the wait is over if nothing holds it from `now` on; `now` itself when it is. */
function overAt({ forMs, windows }: EffectInput<'wait'>, activeMs: number, now: Instant): Instant {
  const elapsedAt = now + Math.max(0, forMs - activeMs);
  return windows === undefined || isOffPeak(windows, elapsedAt) ? elapsedAt : nextOffPeak(windows, elapsedAt);
}

/** Counts active time. Watched nodes are checked all the while, and one of them turning unhealthy ends the wait. @internal */
export const waitHandler: EffectHandler<'wait'> = {
  begin: ({ input }, { spec, step }) =>
    watches(input, spec) && (input.forMs > 0 || input.windows !== undefined || mayAwaitData(spec))
      ? [{ kind: 'probe', nodes: input.watch ?? [], releaseId: spec.releaseId, step, check: checkOf(input, spec) }]
      : [],
  async check(effect, scope) {
    const failure = await waitHandler.watch?.(effect, scope);
    if (failure) return failed(failure);
    const wakeAt = overAt(effect.input, scope.activeMs, scope.now);
    return wakeAt <= scope.now ? succeeded({ ended: 'elapsed' }) : { wakeAt };
  },
  async watch({ input }, scope) {
    if (!watches(input, scope.spec)) return null;
    const progress = await scope.fleet.healthProgress(scope.spec.deploymentId, input.watch ?? [], scope.step);
    return progress.failed > 0 ? unhealthy(progress, input.failure) : null;
  },
  end: ({ input }) => (input.watch === undefined ? [] : [{ kind: 'endProbes' }]),
  expectedMs: ({ input }, _spec, from) => overAt(input, 0, from) - from,
};
