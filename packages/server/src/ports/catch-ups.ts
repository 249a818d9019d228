import type { DeploymentId, NamedSelector, ReleaseId } from '@hotswap/core';

/** A node that should have a release which the deployment of it did not bring there. @internal */
export interface OutstandingNode {
  readonly tenant: string;
  readonly nodeId: string;
  readonly region: string;
  readonly deploymentId: DeploymentId;
  readonly moduleName: string;
  readonly releaseId: ReleaseId;
  /** Regions and selectors of that deployment. */
  readonly regions: readonly string[] | null;
  readonly selectors: readonly NamedSelector[];
  readonly isReachable: boolean;
  /** It has been told. */
  readonly hasBegun: boolean;
  readonly state: 'loading' | 'ready' | 'failed' | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Nodes that joined, or were away, when a release was rolled out. @internal */
export interface CatchUps {
  outstanding(
    tenant: string | null,
    query?: { readonly nodeIds?: readonly string[]; readonly deploymentId?: DeploymentId; readonly limit?: number },
  ): Promise<readonly OutstandingNode[]>;
  /** Gives the release to nodes at weight 0. */
  begin(
    deployment: Pick<OutstandingNode, 'tenant' | 'deploymentId' | 'moduleName'>,
    nodeIds: readonly string[],
  ): Promise<void>;
  /** Routes requests to what is loaded by now, and forgets what is no longer due. */
  settle(nodeIds?: readonly string[]): Promise<void>;
}
