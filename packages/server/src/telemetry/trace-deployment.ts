import type { Tracer } from '@hotswap/core';
import type { EndedDeployment } from './ended-deployment.ts';

/**
 * Tells of a rollout or rollback that has ended as one trace, with a span for each of its steps. Told from the journal, so
 * that it is whole whichever servers drove it.
 * @internal
 */
export function traceDeployment(tracer: Tracer, ended: EndedDeployment): void {
  const { deploymentId, moduleId, releaseId, strategy, status, reason, isFailure, steps } = ended;
  const span = tracer.start(`deployment ${strategy}`, {
    startedAt: ended.beganAt,
    sampling: 'always',
    attributes: {
      'hotswap.deployment.id': deploymentId,
      'hotswap.module.id': moduleId,
      'hotswap.release.id': releaseId,
      'hotswap.strategy': strategy,
      'hotswap.status': status,
    },
  });
  if (span === null) return;
  for (const { step, kind, beganAt, endedAt, failure } of steps)
    span.child(`step ${kind}`, { startedAt: beganAt, attributes: { 'hotswap.step': step } }).end(failure, endedAt);
  span.end(isFailure ? (reason ?? status) : undefined, ended.endedAt);
}
