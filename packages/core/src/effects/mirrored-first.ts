import type { Steps } from '../contracts/strategy.ts';
import { durationMs } from '../model/duration.ts';
import { sliceNodes, type NodeSet } from '../model/node-set.ts';
import type { TrafficMirror } from '../model/traffic-mirror.ts';
import { deploy, fail, mirror as copyRequests, pause, retire } from './create-effects.ts';

/**
 * A strategy's steps with a stage before them in which the new version answers copies of requests, and nobody gets its
 * answers. Changing what it yields would diverge journals: like that of a strategy, its order is for ever.
 * @throws StageFailed when too many answers differ or too many copies fail
 * @internal
 */
export function* mirroredFirst<Result>(mirror: TrafficMirror, targets: NodeSet, steps: Steps<Result>): Steps<Result> {
  const { releaseId, percent, minimumSamples, maxDifferentPercent, maxFailedPercent, compare } = mirror;
  const nodes = sliceNodes(targets, 0, mirror.nodes);
  const forMs = durationMs(mirror.duration);
  yield* deploy({ nodes, releaseId });
  for (;;) {
    const { verdict, ...counted } = yield* copyRequests({
      ...{ releaseId, percent, forMs, minimumSamples, maxDifferentPercent, maxFailedPercent, compare },
    });
    if (verdict === 'Passed') break;
    const samples = counted.equal + counted.different + counted.failed;
    const reason = `Mirrored requests are inconclusive: ${String(samples)} of at least ${String(minimumSamples)} compared answers`;
    if (mirror.onInconclusive === 'rollback') yield* fail({ message: reason, cause: 'metrics', facts: { samples } });
    const { command } = yield* pause({ reason, accepts: ['promote', 'retry'] });
    if (command === 'promote') break;
  }
  yield* retire({ nodes, releaseId });
  return yield* steps;
}
