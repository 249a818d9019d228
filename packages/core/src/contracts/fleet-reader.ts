import type { DeploymentId, ReleaseId } from '../model/deployment.ts';
import type { HealthCheck } from '../model/health-check.ts';
import type { Json } from '../model/json.ts';
import type { NodeSet } from '../model/node-set.ts';
import type { MirrorTally } from '../model/traffic-mirror.ts';

/**
 * A node that could be a target, as the inventory knows it at the moment of execute.
 * @public
 */
export interface CandidateNode {
  readonly nodeId: string;
  readonly region: string;
  readonly zone: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Heard of recently enough to take part. */
  readonly reachable: boolean;
  /** It has started again so often lately that it counts as unsteady. */
  readonly flapping: boolean;
  /** Name of the runtime host, e.g. `Wasmtime`, and its version. */
  readonly runtime: string;
  readonly runtimeVersion: string;
  /** What the runtime can do, as its `RuntimeCapabilities`. */
  readonly capabilities: Readonly<Record<string, Json>>;
  /** Modules that it may hold at one time, and those that it holds now; of all modules, not of this one. */
  readonly maxModules: number;
  readonly modulesLoaded: number;
  /** Some release of the module is on it already, with traffic or without. */
  readonly hasModule: boolean;
  /** As last reported; `null` before the first report. */
  readonly cpuUsagePercent: number | null;
  readonly memoryUsagePercent: number | null;
  /** Releases of the module that its route names, with weights; empty when it serves none. */
  readonly serving: readonly { readonly releaseId: ReleaseId; readonly weight: number }[];
}

/** How far a node set is with something it was told. Counts add up to the size of the set. @public */
export interface NodeProgress {
  readonly done: number;
  readonly failed: number;
  /** Told, reachable, not done yet. */
  readonly pending: number;
  /** Told, not done, and not heard of for longer than the fleet's grace. */
  readonly unreachable: number;
  /** Up to 20 failures with what the nodes said. */
  readonly failures: readonly { readonly position: number; readonly code: string; readonly message: string }[];
  /** Positions that are pending or unreachable, where the store tells them; absent: only counted. */
  readonly silent?: NodeSet;
}

/**
 * What effect handlers read. Every figure counts only reports at or above the generation that this deployment last gave
 * the node: an older report says nothing about a newer wish. Reads change nothing and may be repeated on any server.
 * @public
 */
export interface FleetReader {
  /** Enabled nodes of the regions (`null` = all), in the order region, node id. */
  candidates(tenant: string, moduleName: string, regions: readonly string[] | null): Promise<readonly CandidateNode[]>;
  /** Names of all regions with at least one registered node. */
  regions(tenant: string): Promise<readonly string[]>;
  /** The module's current epoch; 0 when it was never deployed. */
  epoch(tenant: string, moduleName: string): Promise<number>;
  /** The route's current revision; 0 when there is none. */
  routeRevision(tenant: string, moduleName: string): Promise<number>;
  /** Deployments of the module in retention that share a node with `regions`. */
  retained(tenant: string, moduleName: string, regions: readonly string[] | null): Promise<readonly DeploymentId[]>;
  /** Nodes of the set by whether the release is loaded and warm there. */
  loadProgress(deploymentId: DeploymentId, nodes: NodeSet, releaseId: ReleaseId): Promise<NodeProgress>;
  /** Nodes of the set by whether they have applied what this deployment last told them. */
  applyProgress(deploymentId: DeploymentId, nodes: NodeSet): Promise<NodeProgress>;
  /** Nodes by the verdict of the probe that was started under `step`: done = healthy, failed = unhealthy. */
  healthProgress(deploymentId: DeploymentId, nodes: NodeSet, step: number): Promise<NodeProgress>;
  /** What routers have counted of the copies that `step` asked for. */
  mirrorTally(deploymentId: DeploymentId, step: number): Promise<MirrorTally>;
  /** The frozen health check of a release. */
  releaseHealthCheck(tenant: string, releaseId: ReleaseId): Promise<HealthCheck>;
}
