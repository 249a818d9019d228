import type { DeploymentId, Instant, ReleaseId } from '../model/deployment.ts';
import type { VariantMetrics } from '../model/metrics.ts';
import type { NodeSet } from '../model/node-set.ts';

/**
 * Where triggers, `observe` and screens read what requests experienced.
 * @public
 */
export interface MetricsSource {
  /** Sums over nodes and the window `[since, now)`; `samples: 0` when nothing was reported. Missing data is not an error. */
  read(query: {
    readonly tenant: string;
    readonly deploymentId: DeploymentId;
    readonly moduleName: string;
    /** A release, or `baseline` for whatever each node served before the deployment. */
    readonly variant: ReleaseId | 'baseline';
    readonly nodes: NodeSet;
    readonly since: Instant;
  }): Promise<VariantMetrics>;
}
