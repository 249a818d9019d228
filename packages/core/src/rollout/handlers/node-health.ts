import type { NodeProgress } from '../../contracts/fleet-reader.ts';
import type { StageFailure } from '../../effects/effect.ts';
import { durationMs } from '../../model/duration.ts';
import type { HealthCheck } from '../../model/health-check.ts';
import { namedNodes } from '../effect-handler.ts';

/** Text of 002 for a failure that no stage is named in. */
const defaultFailure = 'Health checks failed';
/** Shortest time for a verdict: agents need one heartbeat to hear of the probe and one to answer. */
const shortestVerdictMs = 10_000;

/** Time in which a node that answers at all has a verdict. @internal */
export function verdictTimeoutMs(check: HealthCheck): number {
  return Math.max(
    shortestVerdictMs,
    (check.successThreshold + check.failureThreshold) * (durationMs(check.interval) + durationMs(check.timeout)),
  );
}

/** The failure of nodes whose checks said no. @internal */
export function unhealthy(progress: NodeProgress, message: string | undefined): StageFailure {
  return {
    cause: 'health',
    message: message ?? defaultFailure,
    nodes: namedNodes(progress.failures),
    facts: {
      unhealthy: progress.failed,
      healthy: progress.done,
      pending: progress.pending,
      unreachable: progress.unreachable,
      failures: progress.failures,
    },
  };
}

/** The failure of nodes that gave no verdict in time. @internal */
export function silent(progress: NodeProgress, message: string | undefined, timeoutMs: number): StageFailure {
  const count = progress.pending + progress.unreachable;
  return {
    cause: 'deadline',
    message: message ?? defaultFailure,
    ...(progress.silent === undefined ? {} : { nodes: progress.silent }),
    facts: { healthy: progress.done, silent: count, unreachable: progress.unreachable, timeoutMs },
  };
}
