import type { Digest } from './digest.ts';
import type { HealthCheck } from './health-check.ts';
import type { Json } from './json.ts';
import type { Capabilities, ModuleHttp, ModuleRuntime, ResourceLimits } from './module.ts';

/**
 * One release that a node shall hold.
 * @public
 */
export interface DesiredRelease {
  readonly releaseId: string;
  readonly moduleId: string;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly config: Readonly<Record<string, Json>>;
  readonly capabilities: Capabilities;
  readonly resourceLimits: ResourceLimits;
  /** How it is reached by HTTP; `null`: it is not. */
  readonly http: ModuleHttp | null;
  readonly runtime: ModuleRuntime;
  /** Relative weight among the releases of this module on this node; 0 = warm, without traffic of its own. */
  readonly weight: number;
  /** Health check to run each interval, and the round to report it under; absent: do not check. */
  readonly probe?: { readonly round: string; readonly check: HealthCheck };
}

/**
 * One module that a node shall serve.
 * @public
 */
export interface DesiredModule {
  readonly moduleName: string;
  /** Agents refuse a desired state whose epoch for the module is below the one they have applied. */
  readonly epoch: number;
  readonly releases: readonly DesiredRelease[];
}

/**
 * What a node shall be. Always the whole state, never a difference: a lost message costs time, not correctness.
 * @public
 */
export interface DesiredState {
  readonly nodeId: string;
  /** Only grows; the agent reports the one that it has applied. */
  readonly generation: number;
  readonly modules: readonly DesiredModule[];
  /** Time between heartbeats without news: PT30S, PT1S while a rollout touches the node. */
  readonly heartbeatIntervalMs: number;
}

/** How far a node is with one release. @public */
export interface ObservedRelease {
  readonly moduleName: string;
  readonly releaseId: string;
  readonly state: 'loading' | 'ready' | 'failed';
  /** Of a failure to load: a stable code and a sentence without paths. */
  readonly error?: { readonly code: string; readonly message: string };
  readonly health?: {
    readonly round: string;
    readonly state: 'unknown' | 'healthy' | 'unhealthy';
    readonly consecutiveSuccesses: number;
    readonly consecutiveFailures: number;
    /** What the last check said, when it was not the expected answer. */
    readonly message?: string;
  };
}

/** What a node has made of its desired state. @public */
export interface ObservedState {
  /** Highest generation that is applied completely: every release is ready or failed, weights are in force. */
  readonly generation: number;
  readonly releases: readonly ObservedRelease[];
  /**
   * Epochs that the node has applied, of modules whose desired state it refuses as older: the server has lost writes.
   * Absent: none.
   */
  readonly epochs?: Readonly<Record<string, number>>;
}

/** Calls of one release since the last report that the server acknowledged. @public */
export interface ReleaseCallDelta {
  readonly moduleName: string;
  readonly releaseId: string;
  readonly calls: number;
  readonly errors: number;
  /** Also counted in `errors`. */
  readonly crashes: number;
  readonly latencySumMs: number;
  readonly latencySumSquaresMs2: number;
  /** Sparse counts of a {@link LatencySketch}. */
  readonly latencyBuckets: Readonly<Record<string, number>>;
  readonly peakMemoryBytes: number;
  readonly memoryRefusals: number;
  /** Processor time, health checks included. Absent: the runtime does not meter it. */
  readonly cpuMs?: number;
  /** Fuel, health checks included. Absent: the module's fuel is not metered. */
  readonly fuelUsed?: number;
  /** What the module's own counters have grown by. Absent: it reports none. */
  readonly counters?: Readonly<Record<string, number>>;
  /** Last values of the module's own gauges. Absent: it reports none. */
  readonly gauges?: Readonly<Record<string, number>>;
}
