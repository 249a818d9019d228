import type { ReleaseId, VariantMetrics } from '@hotswap/core';

/** What calls experienced on single nodes. @internal */
export interface NodeMetrics {
  ofNode(
    tenant: string,
    nodeId: string,
    windowMs: number,
  ): Promise<
    readonly { readonly moduleName: string; readonly releaseId: ReleaseId; readonly metrics: VariantMetrics }[]
  >;
}
