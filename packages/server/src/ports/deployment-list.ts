import type {
  DeploymentSpec,
  DeploymentStatus,
  DeploymentSummary,
  Instant,
  MirrorTally,
  ReleaseId,
} from '@hotswap/core';
import type { Page, PageQuery } from './page.ts';

/** A deployment's row. @internal */
export interface DeploymentRecord {
  readonly spec: DeploymentSpec;
  readonly summary: DeploymentSummary;
  /** Changes with every step. */
  readonly head: string;
  readonly createdAt: number;
  readonly stuck: boolean;
  readonly previousModuleId: string | null;
  readonly previousReleaseId: string | null;
  readonly targetCount: number;
  /** `null` while no requests are copied. */
  readonly mirrored: Omit<MirrorTally, 'examples'> | null;
}

/** How far one target is. @internal */
export interface DeploymentNode {
  readonly nodeId: string;
  readonly position: number;
  readonly region: string | null;
  readonly outcome: 'pending' | 'ok' | 'failed' | 'unknown';
  readonly state: 'absent' | 'loading' | 'ready' | 'failed';
  readonly weight: number;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly health: 'unknown' | 'healthy' | 'unhealthy' | null;
}

/** What screens read of deployments. @internal */
export interface DeploymentList {
  find(tenant: string, deploymentId: string): Promise<DeploymentRecord | null>;
  nodes(tenant: string, deploymentId: string): Promise<readonly DeploymentNode[]>;
  /** When a release first served; `null`: it never has. */
  firstServed(tenant: string, releaseId: ReleaseId): Promise<Instant | null>;
  list(
    tenant: string,
    query: PageQuery & {
      readonly moduleName?: string | undefined;
      readonly statuses?: readonly DeploymentStatus[] | undefined;
      readonly stuck?: boolean | undefined;
    },
  ): Promise<Page<DeploymentRecord>>;
}
