import { nodeCount } from '../../model/node-set.ts';
import { checkOf, failed, succeeded, type EffectHandler } from '../effect-handler.ts';
import { silent, unhealthy, verdictTimeoutMs } from './node-health.ts';

/** Starts a fresh round of checks under its own step: answers to an earlier question count for nothing. @internal */
export const verifyHandler: EffectHandler<'verify'> = {
  begin: ({ input }, { spec, step }) => {
    const check = checkOf(input, spec);
    return check.enabled && input.nodes.length > 0
      ? [{ kind: 'probe', nodes: input.nodes, releaseId: spec.releaseId, step, check }]
      : [];
  },
  async check({ input }, scope) {
    const check = checkOf(input, scope.spec);
    if (!check.enabled || input.nodes.length === 0) return succeeded({ healthy: nodeCount(input.nodes) });
    const progress = await scope.fleet.healthProgress(scope.spec.deploymentId, input.nodes, scope.step);
    if (progress.failed > 0) return failed(unhealthy(progress, input.failure));
    if (progress.pending + progress.unreachable === 0) return succeeded({ healthy: progress.done });
    const timeoutMs = input.timeoutMs ?? verdictTimeoutMs(check);
    if (scope.sinceMoveMs < timeoutMs) return { wakeAt: scope.now + timeoutMs - scope.sinceMoveMs };
    return failed(silent(progress, input.failure, timeoutMs));
  },
  end: () => [{ kind: 'endProbes' }],
  expectedMs: ({ input }, spec) => input.timeoutMs ?? verdictTimeoutMs(checkOf(input, spec)),
};
