import type { DesiredState } from '@hotswap/core';
import type { Heartbeat, NodeRegistration } from '@hotswap/protocol';
import type { Page, PageQuery } from './page.ts';

/** A node as the inventory knows it. @internal */
export interface NodeRecord extends Required<Omit<NodeRegistration, 'zone' | 'publicUrl' | 'publicKey'>> {
  readonly tenant: string;
  readonly zone: string | null;
  readonly publicUrl: string | null;
  readonly isEnabled: boolean;
  readonly generation: number;
  readonly observedGeneration: number;
  readonly deployedModules: readonly string[];
  readonly failedReleases: readonly string[];
  readonly modulesLoaded: number;
  readonly cpuUsagePercent: number;
  readonly memoryUsageMB: number;
  readonly lastHeartbeatAt: number | null;
  readonly silentForMs: number | null;
  /** Starts that were seen within ten minutes before the last one. */
  readonly recentStarts: number;
  readonly registeredAt: number;
}

/** @internal */
export interface NodeQuery extends PageQuery {
  readonly region?: string | undefined;
  readonly zone?: string | undefined;
  readonly label?: { readonly name: string; readonly value: string } | undefined;
  readonly isEnabled?: boolean | undefined;
  readonly isReachable?: boolean | undefined;
  readonly unhealthyAfterMs?: number;
}

/** A node that is in another region than before, and what it lost by that. @internal */
export interface NodeMove {
  readonly from: string;
  readonly to: string;
  readonly removed: readonly { readonly moduleName: string; readonly releaseId: string }[];
}

/** Nodes, how they join, and who they are. @internal */
export interface NodeRegistry {
  createJoinToken(token: {
    readonly tenant: string;
    readonly uses: number;
    readonly expiresInMs: number;
    readonly regions: readonly string[] | null;
    readonly createdBy: string;
  }): Promise<{ readonly token: string; readonly expiresAt: number }>;
  register(
    joinToken: string,
    node: NodeRegistration,
  ): Promise<{ readonly tenant: string; readonly credential: string; readonly move: NodeMove | null }>;
  authenticate(credential: string): Promise<{ readonly tenant: string; readonly nodeId: string } | null>;
  openSession(tenant: string, node: NodeRegistration): Promise<NodeMove | null>;
  get(tenant: string, nodeId: string): Promise<NodeRecord>;
  list(tenant: string, query: NodeQuery): Promise<Page<NodeRecord>>;
  update(
    tenant: string,
    nodeId: string,
    changes: {
      readonly isEnabled?: boolean | undefined;
      readonly labels?: Readonly<Record<string, string>> | undefined;
    },
    /** The node as it was when this was decided. Absent: however it is. @throws HS_STORE_STALE */
    seen?: NodeRecord,
  ): Promise<NodeRecord>;
  delete(tenant: string, nodeId: string, seen?: NodeRecord): Promise<void>;
}

/** What became of a report. @internal */
export interface HeartbeatOutcome {
  readonly nodeId: string;
  readonly kind: 'accepted' | 'repeated' | 'superseded' | 'unknown';
  readonly generation: number;
  readonly heartbeatIntervalMs: number;
  readonly deployments: readonly string[];
  readonly changed: boolean;
  readonly raisedFloor: boolean;
}

/** A report with its sender. @internal */
export interface HeartbeatReport extends Heartbeat {
  readonly nodeId: string;
}

/** Where reports of nodes go. @internal */
export interface HeartbeatLog {
  /** One report for each node, any number of nodes. */
  record(tenant: string, reports: readonly HeartbeatReport[]): Promise<readonly HeartbeatOutcome[]>;
}

/** What nodes shall be. @internal */
export interface DesiredStates {
  read(tenant: string, nodeIds: readonly string[]): Promise<ReadonlyMap<string, DesiredState>>;
  /** Of each node what a stream compares before it reads the state, and which stream is the node's last one. */
  marks(
    tenant: string,
    nodeIds: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly generation: number; readonly streamEpoch: number }>>;
  /** Makes a stream the one of its node, over all servers; `null`: the boot was followed by another one. */
  claimStream(tenant: string, nodeId: string, bootId: string | null): Promise<number | null>;
}
