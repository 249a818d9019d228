import type { NodeProgress } from '../../contracts/fleet-reader.ts';
import { durationMs } from '../../model/duration.ts';
import { nodeCount, subtractNodes, unionNodes, type NodeSet } from '../../model/node-set.ts';
import {
  failed,
  namedNodes,
  succeeded,
  type EffectCheck,
  type EffectHandler,
  type EffectScope,
} from '../effect-handler.ts';
import { assignKept, bringKept, keptTimeoutMs } from './bring-kept.ts';
import { isRouted } from './is-routed.ts';
import { verdictTimeoutMs } from './node-health.ts';

const defaultTimeoutMs = 30_000;
/** Cursor once the nodes have their baseline back and its health is being asked for. */
const askingHealth = 1;

/**
 * Level-triggered: desired state is the baseline from the commit of `began` on, whatever becomes of this process. Then
 * the restored releases must be healthy. Nodes that stay silent are listed as unknown; what they shall be stands.
 * @internal
 */
export const restoreHandler: EffectHandler<'restore'> = {
  begin: ({ input }, { spec }) => [
    { kind: 'endProbes' },
    ...(spec.traffic?.mirror === undefined ? [] : [{ kind: 'endMirror' as const }]),
    { kind: 'restore', nodes: input.nodes },
    ...assignKept(input),
  ],
  async check({ input }, scope) {
    if (input.releaseId !== undefined) return bringKept({ ...input, releaseId: input.releaseId }, scope);
    const timeoutMs = input.timeoutMs ?? defaultTimeoutMs;
    if (scope.cursor === askingHealth) return verdict(input.nodes, scope);
    const [progress, routed] = await Promise.all([
      scope.fleet.applyProgress(scope.spec.deploymentId, input.nodes),
      isRouted(scope),
    ]);
    const settled = progress.pending + progress.unreachable === 0 && routed;
    if (!settled && scope.activeMs < timeoutMs) return { wakeAt: scope.now + timeoutMs - scope.activeMs };
    if (progress.failed > 0) return failed(refused(progress, 'could not load the version from before'));
    const probed = await probedNodes(input.nodes, scope);
    if (probed.nodes.length === 0 || progress.done === 0) return restored(progress);
    return { cursor: askingHealth, changes: [{ kind: 'probeBaseline', nodes: probed.nodes, step: scope.step }] };
  },
  end: () => [{ kind: 'endProbes' }],
  expectedMs: ({ input }) =>
    (input.timeoutMs ?? (input.releaseId === undefined ? defaultTimeoutMs : keptTimeoutMs)) * 2,
};

async function verdict(nodes: NodeSet, scope: EffectScope): Promise<EffectCheck> {
  const { deploymentId } = scope.spec;
  const probed = await probedNodes(nodes, scope);
  const health = await scope.fleet.healthProgress(deploymentId, probed.nodes, scope.step);
  if (health.failed > 0)
    return failed({ ...refused(health, 'serve the version from before, but it is not healthy'), cause: 'health' });
  if (health.pending > 0 && scope.sinceMoveMs < probed.timeoutMs)
    return { wakeAt: scope.now + probed.timeoutMs - scope.sinceMoveMs };
  const applied = await scope.fleet.applyProgress(deploymentId, nodes);
  const unproven = Math.max(applied.pending + applied.unreachable, health.pending + health.unreachable);
  return restored({
    ...applied,
    done: nodeCount(nodes) - unproven,
    pending: unproven,
    unreachable: 0,
    ...(health.silent === undefined ? {} : { silent: health.silent }),
  });
}

function restored(progress: NodeProgress): EffectCheck {
  const unknown = progress.pending + progress.unreachable;
  return {
    ...succeeded({ restored: progress.done, unknown }),
    ...(unknown > 0 && progress.silent ? { facts: { unknownNodes: progress.silent } } : {}),
  };
}

const refused = (
  progress: NodeProgress,
  what: string,
): {
  cause: 'load';
  message: string;
  nodes: NodeSet;
  facts: { restored: number; failures: NodeProgress['failures'] };
} => ({
  cause: 'load',
  message: `${progress.failed} nodes ${what}${progress.failures[0] ? `: ${progress.failures[0].message}` : ''}`,
  nodes: namedNodes(progress.failures),
  facts: { restored: progress.done, failures: progress.failures },
});

/** Nodes of the set with a baseline that asks for health checks, and the longest time that one of those takes. */
async function probedNodes(
  nodes: NodeSet,
  scope: EffectScope,
): Promise<{ readonly nodes: NodeSet; readonly timeoutMs: number }> {
  let probed: NodeSet = [];
  let timeoutMs = 0;
  for (const group of scope.frozen.baseline) {
    const own = subtractNodes(nodes, subtractNodes(nodes, group.nodes));
    if (own.length === 0 || group.releases.length === 0) continue;
    const checks = await Promise.all(
      group.releases.map(({ releaseId }) => scope.fleet.releaseHealthCheck(scope.spec.tenant, releaseId)),
    );
    if (!checks.some((check) => check.enabled)) continue;
    probed = unionNodes(probed, own);
    timeoutMs = Math.max(
      timeoutMs,
      ...checks.map(verdictTimeoutMs),
      ...checks.map((check) => durationMs(check.timeout)),
    );
  }
  return { nodes: probed, timeoutMs };
}
