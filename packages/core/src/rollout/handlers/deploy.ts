import type { NodeProgress } from '../../contracts/fleet-reader.ts';
import type { EffectInput } from '../../effects/effect.ts';
import { nodeCount, sliceNodes } from '../../model/node-set.ts';
import {
  failed,
  namedNodes,
  releaseOf,
  succeeded,
  type EffectCheck,
  type EffectHandler,
  type EffectScope,
} from '../effect-handler.ts';

const defaultMaxInFlight = 1_000;
const defaultNodeDeadlineMs = 60_000;

/** Nodes told so far: the first window goes out with `began`, the cursor counts from there. */
const issuedCount = (input: EffectInput<'deploy'>, cursor: number): number =>
  Math.max(cursor, Math.min(nodeCount(input.nodes), input.maxInFlight ?? defaultMaxInFlight));

/** Nodes load in order, a bounded number at a time; the deadline is each node's own, so it starts anew with each window. @internal */
export const deployHandler: EffectHandler<'deploy'> = {
  begin: ({ input }, { spec }) => {
    const nodes = sliceNodes(input.nodes, 0, issuedCount(input, 0));
    return nodes.length === 0 ? [] : [{ kind: 'assign', nodes, releaseId: releaseOf(input, spec) }];
  },
  async check({ input }, scope) {
    const total = nodeCount(input.nodes);
    const issued = issuedCount(input, scope.cursor);
    const releaseId = releaseOf(input, scope.spec);
    const told = sliceNodes(input.nodes, 0, issued);
    const progress = await scope.fleet.loadProgress(scope.spec.deploymentId, told, releaseId);
    if (progress.failed > 0) return loadFailure(progress, total);
    const loading = progress.pending + progress.unreachable;
    const room = (input.maxInFlight ?? defaultMaxInFlight) - loading;
    if (issued < total && room > 0) {
      const upTo = Math.min(total, issued + room);
      return { cursor: upTo, changes: [{ kind: 'assign', nodes: sliceNodes(input.nodes, issued, upTo), releaseId }] };
    }
    return settle(input, scope, progress, issued === total);
  },
  expectedMs: ({ input }) => input.nodeDeadlineMs ?? defaultNodeDeadlineMs,
};

function settle(
  input: EffectInput<'deploy'>,
  scope: EffectScope,
  progress: NodeProgress,
  allIssued: boolean,
): EffectCheck {
  const deadlineMs = input.nodeDeadlineMs ?? defaultNodeDeadlineMs;
  const bearable = progress.unreachable <= (input.maxUnknown ?? 0);
  if (allIssued && progress.pending === 0 && bearable)
    return succeeded({ ready: progress.done, unknown: progress.unreachable });
  if (scope.sinceMoveMs < deadlineMs) return { wakeAt: scope.now + deadlineMs - scope.sinceMoveMs };
  const late = progress.pending + progress.unreachable;
  return failed({
    cause: 'deadline',
    message: `${late} of ${nodeCount(input.nodes)} nodes did not get ready within ${deadlineMs / 1_000} s (${progress.unreachable} of them unreachable)`,
    ...(progress.silent === undefined ? {} : { nodes: progress.silent }),
    facts: { ready: progress.done, pending: progress.pending, unreachable: progress.unreachable },
  });
}

function loadFailure(progress: NodeProgress, total: number): EffectCheck {
  const first = progress.failures[0];
  return failed({
    cause: 'load',
    message: `${progress.failed} of ${total} nodes could not load the release${first ? `: ${first.message}` : ''}`,
    nodes: namedNodes(progress.failures),
    facts: { failed: progress.failed, failures: progress.failures },
  });
}
