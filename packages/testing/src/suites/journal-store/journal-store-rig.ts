import type {
  DeploymentId,
  DeploymentSummary,
  DesiredState,
  FleetReader,
  JournalStore,
  MirrorReport,
  ObservedState,
  Release,
} from '@hotswap/core';
import type { OutboxMessage, RequestedWake } from '../../memory/memory-database.ts';

/**
 * A store with the ends of it that the suite has to reach: what servers and agents do around the engine. Everything
 * belongs to tenant `default`.
 * @public
 */
export interface JournalStoreRig extends AsyncDisposable {
  readonly store: JournalStore;
  readonly fleet: FleetReader;
  /** Stores a release, and its module where the store wants one. */
  addRelease(release: Release): Promise<void>;
  /** Registers a node: enabled, heard of just now, without modules. */
  addNode(node: {
    readonly nodeId: string;
    readonly region: string;
    readonly zone?: string;
    readonly labels?: Readonly<Record<string, string>>;
  }): Promise<void>;
  setEnabled(nodeId: string, enabled: boolean): Promise<void>;
  /** Makes the node one that has not been heard of for longer than the fleet's grace. */
  silence(nodeId: string): Promise<void>;
  /** A heartbeat with what the node has made of its desired state; the node counts as heard of. */
  report(nodeId: string, observed: ObservedState): Promise<void>;
  /** What a router has counted of mirrors since it first served them, as `MirrorBoard` takes it. */
  reportMirrors(instanceId: string, reports: readonly MirrorReport[]): Promise<void>;
  desired(nodeId: string): Promise<DesiredState>;
  /** The deployment's row; `null` when there is none. */
  summary(deploymentId: DeploymentId): Promise<DeploymentSummary | null>;
  /** Wakes that commits have asked for and that were not delivered. */
  wakes(): Promise<readonly RequestedWake[]>;
  /** Messages for people, the oldest first. */
  outbox(): Promise<readonly OutboxMessage[]>;
}
