import { nodeCount, subtractNodes, type NodeSet } from '../../model/node-set.ts';
import { failed, namedNodes, releaseOf, succeeded, type EffectHandler } from '../effect-handler.ts';
import { routeWeights, type RouteWeights } from '../route-weights.ts';
import type { FrozenRollout } from '../rollout-state.ts';
import type { EffectInput } from '../../effects/effect.ts';

const defaultTimeoutMs = 30_000;

/**
 * Ends when every router and every reachable node of the stage serves by the new weights; what bakes from then on is
 * real. Unreachable nodes get no requests to split: the health check of the stage has to say what they are worth.
 * @internal
 */
export const shiftTrafficHandler: EffectHandler<'shiftTraffic'> = {
  begin: ({ input }, { spec, frozen }) => [
    {
      kind: 'route',
      releaseId: releaseOf(input, spec),
      to: input.to,
      among: input.among,
      weights: weightsOf(input, frozen),
    },
  ],
  async check({ input }, scope) {
    const { tenant, moduleName, deploymentId } = scope.spec;
    const [progress, revision, served] = await Promise.all([
      scope.fleet.applyProgress(deploymentId, input.to),
      scope.fleet.routeRevision(tenant, moduleName),
      scope.router.servedRevision(tenant, moduleName),
    ]);
    if (progress.failed > 0) {
      const message = `${progress.failed} nodes could not apply the new route${progress.failures[0] ? `: ${progress.failures[0].message}` : ''}`;
      return failed({
        cause: 'load',
        message,
        nodes: namedNodes(progress.failures),
        facts: { failures: progress.failures },
      });
    }
    const routed = served === null || served >= revision;
    if (progress.pending === 0 && routed) return succeeded({ revision });
    const timeoutMs = input.timeoutMs ?? defaultTimeoutMs;
    if (scope.sinceMoveMs < timeoutMs) return { wakeAt: scope.now + timeoutMs - scope.sinceMoveMs };
    const message =
      progress.pending > 0
        ? `${progress.pending} nodes did not take the new route within ${timeoutMs / 1_000} s`
        : `The router did not serve revision ${revision} within ${timeoutMs / 1_000} s`;
    return failed({
      cause: 'deadline',
      message,
      facts: { pending: progress.pending, unreachable: progress.unreachable, revision, servedRevision: served },
    });
  },
  expectedMs: ({ input }) => input.timeoutMs ?? defaultTimeoutMs,
};

function weightsOf(input: EffectInput<'shiftTraffic'>, frozen: FrozenRollout): RouteWeights {
  const serving = frozen.baseline.filter((group) => group.releases.length > 0);
  const anyOf = (nodes: NodeSet): boolean =>
    serving.some((group) => nodeCount(subtractNodes(nodes, group.nodes)) < nodeCount(nodes));
  return routeWeights({
    percent: input.percent,
    stageNodes: nodeCount(input.to),
    allNodes: nodeCount(input.among),
    baselineOnStage: anyOf(input.to),
    baselineElsewhere: anyOf(subtractNodes(input.among, input.to)),
    routerSpansNodes: frozen.routerSpansNodes,
  });
}
