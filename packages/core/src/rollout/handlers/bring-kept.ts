import type { NodeProgress } from '../../contracts/fleet-reader.ts';
import type { EffectInput } from '../../effects/effect.ts';
import type { ReleaseId } from '../../model/deployment.ts';
import { nodeCount, type NodeSet } from '../../model/node-set.ts';
import type { Change } from '../change.ts';
import { failed, namedNodes, succeeded, type EffectCheck, type EffectScope } from '../effect-handler.ts';
import { routeWeights } from '../route-weights.ts';
import { isRouted } from './is-routed.ts';
import { verdictTimeoutMs } from './node-health.ts';

/** Longest time in which nodes that answer load a release, by default. @internal */
export const keptTimeoutMs = 60_000;
/** Cursor once the release has the traffic. */
const serving = 1;

type KeptRelease = EffectInput<'restore'> & { readonly releaseId: ReleaseId };

/** What a restore to a kept release begins with, besides the baseline: loading it, without traffic. @internal */
export function assignKept({ nodes, releaseId }: EffectInput<'restore'>): readonly Change[] {
  return releaseId === undefined ? [] : [{ kind: 'assign', nodes, releaseId }];
}

/**
 * Brings a release up that is not the one from before: the baseline serves from the first commit on, so nothing waits for
 * this one to be loaded; it takes all traffic when every node that answers has it warm, and then has to be healthy. When it
 * cannot be loaded the baseline goes on.
 * @internal
 */
export async function bringKept(input: KeptRelease, scope: EffectScope): Promise<EffectCheck> {
  return scope.cursor === serving ? proveKept(input, scope) : loadKept(input, scope);
}

async function loadKept(
  { nodes, releaseId, timeoutMs = keptTimeoutMs }: KeptRelease,
  scope: EffectScope,
): Promise<EffectCheck> {
  const progress = await scope.fleet.loadProgress(scope.spec.deploymentId, nodes, releaseId);
  const waits = progress.pending + progress.unreachable;
  if (progress.failed === 0 && waits > 0 && scope.activeMs < timeoutMs)
    return { wakeAt: scope.now + timeoutMs - scope.activeMs };
  if (progress.failed > 0 || progress.pending > 0 || progress.done === 0) return givenUp(progress, nodes, releaseId);
  const weights = routeWeights({
    percent: 100,
    stageNodes: nodeCount(nodes),
    allNodes: nodeCount(nodes),
    baselineOnStage: true,
    baselineElsewhere: false,
    routerSpansNodes: scope.frozen.routerSpansNodes,
  });
  const check = await scope.fleet.releaseHealthCheck(scope.spec.tenant, releaseId);
  return {
    cursor: serving,
    changes: [
      { kind: 'route', releaseId, to: nodes, among: nodes, weights },
      ...(check.enabled ? [{ kind: 'probe' as const, nodes, releaseId, step: scope.step, check }] : []),
    ],
  };
}

async function proveKept({ nodes, releaseId }: KeptRelease, scope: EffectScope): Promise<EffectCheck> {
  const { deploymentId, tenant } = scope.spec;
  const check = await scope.fleet.releaseHealthCheck(tenant, releaseId);
  const [applied, routed] = await Promise.all([scope.fleet.applyProgress(deploymentId, nodes), isRouted(scope)]);
  const health = check.enabled ? await scope.fleet.healthProgress(deploymentId, nodes, scope.step) : applied;
  if (health.failed > 0)
    return failed({
      cause: 'health',
      message: `${health.failed} nodes serve ${releaseId}, but it is not healthy${firstText(health)}`,
      nodes: namedNodes(health.failures),
      facts: { restored: health.done, failures: health.failures },
    });
  const timeoutMs = check.enabled ? verdictTimeoutMs(check) : keptTimeoutMs;
  if ((applied.pending > 0 || health.pending > 0 || !routed) && scope.sinceMoveMs < timeoutMs)
    return { wakeAt: scope.now + timeoutMs - scope.sinceMoveMs };
  const unknown = Math.max(applied.pending + applied.unreachable, health.pending + health.unreachable);
  return {
    ...succeeded({ restored: nodeCount(nodes) - unknown, unknown }),
    ...(unknown > 0 && health.silent ? { facts: { unknownNodes: health.silent } } : {}),
    changes: [{ kind: 'retireReplaced', nodes }],
  };
}

function givenUp(progress: NodeProgress, nodes: NodeSet, releaseId: ReleaseId): EffectCheck {
  const lacking = progress.failed + progress.pending + progress.unreachable;
  return {
    ...failed({
      cause: 'load',
      message: `${lacking} nodes could not load ${releaseId}, so the version from before serves${firstText(progress)}`,
      nodes: namedNodes(progress.failures),
      facts: { failures: progress.failures, pending: progress.pending, unreachable: progress.unreachable },
    }),
    changes: [{ kind: 'retire', nodes, releaseId }],
  };
}

const firstText = ({ failures }: NodeProgress): string => (failures[0] ? `: ${failures[0].message}` : '');
