import type { DeploymentId, Instant, ReleaseId } from '../model/deployment.ts';
import type { VariantMetrics } from '../model/metrics.ts';
import type { NodeSet } from '../model/node-set.ts';

/** What a source is asked. @public */
export interface MetricsQuestion {
  readonly tenant: string;
  readonly deploymentId: DeploymentId;
  readonly moduleName: string;
  /** A release, or `baseline` for whatever each node served before the deployment. */
  readonly variant: ReleaseId | 'baseline';
  readonly nodes: NodeSet;
  readonly since: Instant;
  /** Ids of the nodes in the order of their positions, for sources that know nodes by their names. Absent: not given. */
  readonly nodeIds?: readonly string[];
  /** Questions in the source's own language, by the name under which `custom` answers them. Default none. */
  readonly queries?: Readonly<Record<string, string>>;
}

/**
 * Where triggers, `observe` and screens read what requests experienced.
 * @public
 */
export interface MetricsSource {
  /**
   * Time from a shift of traffic until the source can tell something about it, e.g. two scrapes. So long the end of a
   * watched period waits for the first data of a gate before it pauses for want of it. Default 60,000.
   */
  readonly settleMs?: number;
  /**
   * Sums over nodes and the window `[since, now)`; `samples: 0` when nothing was reported. Missing data is not an error: a
   * source that cannot be reached, and a query without an answer, leave their name out of `custom`.
   */
  read(question: MetricsQuestion): Promise<VariantMetrics>;
}
