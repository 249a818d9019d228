import { noMirrorTally } from '@hotswap/core';
import type {
  BaselineGroup,
  CandidateNode,
  DeploymentId,
  DeploymentSpec,
  DeploymentSummary,
  DesiredState,
  HealthCheck,
  Instant,
  JournalEntry,
  MirrorReport,
  MirrorTally,
  ObservedState,
  Release,
  ReleaseId,
} from '@hotswap/core';

/** What one node shall do with one release. @internal */
export interface Assignment {
  readonly weight: number;
  readonly probe: { readonly round: string; readonly check: HealthCheck } | null;
}

/**
 * What a node shall do with the releases of one module. Never changed, only replaced: nodes that shall do the same share
 * one, which is what makes a fleet of 100,000 cheap to change and to look at.
 * @internal
 */
export type Assignments = ReadonlyMap<ReleaseId, Assignment>;

/** A module that a node knows nothing of. @internal */
export const noAssignments: Assignments = new Map();

const noDeployments: readonly DeploymentId[] = [];
const holdsNothing: NodeRow['held'] = new Map();

/** A node with what it shall be and what it has said. @internal */
export interface NodeRow {
  readonly tenant: string;
  readonly nodeId: string;
  readonly region: string;
  readonly zone: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly inventory: NodeInventory;
  enabled: boolean;
  reachable: boolean;
  generation: number;
  readonly modules: Map<string, Assignments>;
  observed: ObservedState;
  /** Deployments that ever had the node among their targets; shared between nodes. */
  targetedBy: readonly DeploymentId[];
  /** What a scripted agent has of releases by its own knowledge: loaded, or failed to load. */
  held: ReadonlyMap<ReleaseId, 'ready' | 'failed'>;
}

/** What selectors ask of a node beside where it is; set by `addNode`. @public */
export type NodeInventory = Pick<
  CandidateNode,
  | 'flapping'
  | 'runtime'
  | 'runtimeVersion'
  | 'capabilities'
  | 'maxModules'
  | 'modulesLoaded'
  | 'cpuUsagePercent'
  | 'memoryUsagePercent'
>;

/** A node that can take anything. @internal */
const roomyNode: NodeInventory = {
  flapping: false,
  runtime: 'Wasmtime',
  runtimeVersion: '1.0.0',
  capabilities: {},
  maxModules: 1_000,
  modulesLoaded: 0,
  cpuUsagePercent: null,
  memoryUsagePercent: null,
};

/** A node as a target of a deployment. @internal */
export interface TargetRow {
  readonly node: NodeRow;
  readonly baseline: BaselineGroup['releases'];
  /** Generation that the deployment last gave the node: older reports say nothing about it. */
  stamp: number;
}

/** @internal */
export interface DeploymentRow {
  readonly spec: DeploymentSpec;
  summary: DeploymentSummary;
  targets: readonly TargetRow[];
}

/** A mirror as a commit has set it up. @public */
export interface MemoryMirror {
  readonly deploymentId: DeploymentId;
  readonly releaseId: ReleaseId;
  readonly step: number;
  readonly percent: number;
  /** Last report of each router. @internal */
  readonly reports: Map<string, MirrorTally>;
}

/** A message in the outbox. @public */
export interface OutboxMessage {
  readonly deploymentId: DeploymentId;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly text: string;
}

/** A wake that a commit asked for. @public */
export interface RequestedWake {
  readonly tenant: string;
  readonly deploymentId: DeploymentId;
  readonly at: Instant;
}

const shownExamples = 5;

function sumOf(tallies: readonly MirrorTally[]): MirrorTally {
  return tallies.reduce(
    (sum, { equal, different, failed, skipped, examples }) => ({
      equal: sum.equal + equal,
      different: sum.different + different,
      failed: sum.failed + failed,
      skipped: sum.skipped + skipped,
      examples: [...sum.examples, ...examples].slice(0, shownExamples),
    }),
    noMirrorTally,
  );
}

const activeStatuses: readonly string[] = ['Pending', 'PendingApproval', 'InProgress', 'Paused', 'RollingBack'];

/** Whether a deployment still holds its claim on the module. @internal */
export const isActive = (row: DeploymentRow): boolean => activeStatuses.includes(row.summary.status);

/** Time between heartbeats of nodes that a rollout is at work on, and of others. */
const heartbeatMs = { busy: 1_000, quiet: 30_000 };

/**
 * One process's fleet and journals: the tables that the in-memory store and reader share. Everything is lost with the
 * process.
 * @public
 */
export class MemoryDatabase {
  /** @internal */
  readonly nodes: Map<string, NodeRow> = new Map();
  /** @internal */
  readonly releases: Map<ReleaseId, Release> = new Map();
  /** @internal */
  readonly journals: Map<string, string[]> = new Map();
  /** @internal */
  readonly deployments: Map<DeploymentId, DeploymentRow> = new Map();
  /** Route revision and epoch by tenant and module. @internal */
  readonly modules: Map<string, { revision: number; epoch: number }> = new Map();
  readonly outbox: OutboxMessage[] = [];
  /** Mirrors that routers copy requests to, by deployment. */
  readonly mirrors: Map<DeploymentId, MemoryMirror> = new Map();
  /** What routers have counted of a mirror. Default: what they have reported. */
  mirrorTally: (mirror: MemoryMirror) => MirrorTally = ({ reports }) => sumOf([...reports.values()]);
  /** Rises with everything that changes what a node shall be, is, or counts as: what was read at one version still holds. @internal */
  version = 0;
  /** Called after a commit with the nodes whose desired state it changed. @internal */
  onDesired: (nodes: readonly NodeRow[]) => void = () => {};
  /** Called within a commit that names a wake. */
  onWake: (wake: RequestedWake) => void = () => {};

  /** Registers a node: enabled, reachable, without modules. */
  addNode(node: {
    readonly nodeId: string;
    readonly region: string;
    readonly zone?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly tenant?: string;
    /** Default: Wasmtime, room for 1,000 modules, none loaded, steady. */
    readonly inventory?: Partial<NodeInventory>;
  }): void {
    const { tenant = 'default', nodeId, region, zone = null, labels = {}, inventory } = node;
    this.nodes.set(nodeId, {
      tenant,
      nodeId,
      region,
      zone,
      labels,
      inventory: inventory === undefined ? roomyNode : { ...roomyNode, ...inventory },
      enabled: true,
      reachable: true,
      generation: 0,
      modules: new Map(),
      observed: { generation: 0, releases: [] },
      targetedBy: noDeployments,
      held: holdsNothing,
    });
    this.version++;
  }

  addRelease(release: Release): void {
    this.releases.set(release.releaseId, release);
  }

  /** A disabled node takes part in no new deployment. */
  setEnabled(nodeId: string, enabled: boolean): void {
    this.node(nodeId).enabled = enabled;
    this.version++;
  }

  /** Whether the node counts as heard of recently. */
  setReachable(nodeId: string, reachable: boolean): void {
    this.node(nodeId).reachable = reachable;
    this.version++;
  }

  /** Stores what a node reports; it is reachable by that. */
  report(nodeId: string, observed: ObservedState): void {
    this.observe(this.node(nodeId), observed);
  }

  /** As {@link report}, for whoever holds the row. @internal */
  observe(node: NodeRow, observed: ObservedState): void {
    node.observed = observed;
    node.reachable = true;
    this.version++;
  }

  /** As `MirrorBoard` takes it: totals of one router, passed over where no such mirror is set up. */
  reportMirrors(instanceId: string, reports: readonly MirrorReport[]): void {
    for (const { tenant: _tenant, deploymentId, step, ...tally } of reports) {
      const mirror = this.mirrors.get(deploymentId);
      if (mirror?.step === step) mirror.reports.set(instanceId, tally);
    }
  }

  /** What the node shall be now. */
  desired(nodeId: string): DesiredState {
    const node = this.node(nodeId);
    const modules = [...node.modules].filter(([, releases]) => releases.size > 0).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      nodeId,
      generation: node.generation,
      heartbeatIntervalMs: this.activeDeployments(nodeId).length > 0 ? heartbeatMs.busy : heartbeatMs.quiet,
      modules: modules.map(([moduleName, releases]) => ({
        moduleName,
        epoch: this.moduleRow(node.tenant, moduleName).epoch,
        releases: [...releases]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([releaseId, { weight, probe }]) => ({
            ...this.#describe(releaseId),
            weight,
            ...(probe ? { probe } : {}),
          })),
      })),
    };
  }

  /** Deployments at work that have the node among their targets. */
  activeDeployments(nodeId: string): readonly DeploymentId[] {
    return this.activeOn([this.node(nodeId)]);
  }

  /** Deployments at work that have any of the nodes among their targets. @internal */
  activeOn(nodes: readonly NodeRow[]): readonly DeploymentId[] {
    const found = new Set<DeploymentId>();
    for (const group of new Set(nodes.map((node) => node.targetedBy)))
      for (const id of group) if (isActive(this.deployments.get(id) as DeploymentRow)) found.add(id);
    return [...found];
  }

  /** The deployment's journal as it is stored. */
  journal(tenant: string, deploymentId: DeploymentId): readonly JournalEntry[] {
    return (this.journals.get(`${tenant}/${deploymentId}`) ?? []).map((text) => JSON.parse(text) as JournalEntry);
  }

  /** The deployment's row as the last commit wrote it; `null` when there is none. */
  summary(deploymentId: DeploymentId): DeploymentSummary | null {
    return this.deployments.get(deploymentId)?.summary ?? null;
  }

  /** @internal */
  node(nodeId: string): NodeRow {
    const node = this.nodes.get(nodeId);
    if (!node) throw new TypeError(`no node ${nodeId} was added`);
    return node;
  }

  /** @internal */
  moduleRow(tenant: string, moduleName: string): { revision: number; epoch: number } {
    const key = `${tenant}/${moduleName}`;
    const row = this.modules.get(key) ?? { revision: 0, epoch: 0 };
    this.modules.set(key, row);
    return row;
  }

  #describe(releaseId: ReleaseId): Omit<DesiredState['modules'][number]['releases'][number], 'weight' | 'probe'> {
    const release = this.releases.get(releaseId);
    if (!release) throw new TypeError(`no release ${releaseId} was added`);
    const { moduleId, version, digest, sizeBytes, config, capabilities, resourceLimits, http, runtime } = release;
    return { releaseId, moduleId, version, digest, sizeBytes, config, capabilities, resourceLimits, http, runtime };
  }
}
