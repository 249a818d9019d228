import type { Digest } from './digest.ts';
import type { Duration } from './duration.ts';
import type { HealthCheckOverride } from './health-check.ts';
import type { Json } from './json.ts';

/** What a module may use at most. Defaults: 128 MB, 100 % of a core, PT5S, 1 MiB (X-17, X-18, RUN-9). @public */
export interface ResourceLimits {
  /** Linear memory of one instance, all memories together, in mebibytes. */
  readonly maxMemoryMB: number;
  /** Share of one core that a module version may take on a node, over a sliding period of one second of wall time. */
  readonly maxCpuPercent: number;
  /** Wall-clock time of one call, queueing included. */
  readonly maxExecutionTime: Duration;
  /** Bytes of arguments or standard input of one call. */
  readonly maxInputSize: number;
}

/** What every limit is when nobody sets it. @public */
export const defaultResourceLimits: ResourceLimits = {
  maxMemoryMB: 128,
  maxCpuPercent: 100,
  maxExecutionTime: 'PT5S',
  maxInputSize: 1_048_576,
};

/**
 * Where the requests of one client meet the same version while weights shift: by a header's value, by a cookie's value,
 * or, when `null`, by the client's address. Clients move to a growing version and never flip back.
 * @public
 */
export type HttpAffinity = { readonly header: string } | { readonly cookie: string } | null;

/**
 * How a module that answers HTTP requests is reached. `null` on a module means that it serves no HTTP.
 * @public
 */
export interface ModuleHttp {
  /** Host names in lower case without a port; `*.example.org` stands for every name below. Empty: any host. */
  readonly hosts: readonly string[];
  /**
   * Path on the public listener of nodes, in whole segments. Default `/`. The server's own
   * `/api/v1/wasm/http/{name}/` works whatever stands here.
   */
  readonly pathPrefix: string;
  /** `public`: anyone may send requests. `keys` (default): only through the server, with a key. */
  readonly access: 'public' | 'keys';
  readonly affinity: HttpAffinity;
}

/** Reuse of instances: what one is allowed to keep living on. Its memory is not wiped between calls. @public */
export interface InstanceReuse {
  /** Idle instances that a node keeps of one version. Default 8. Elsewhere called `instance_pool_size`. */
  readonly maxInstances: number;
  /** Calls after which an instance is replaced. Default 1,000. */
  readonly maxCalls: number;
  /** Idle time after which an instance is dropped. Default `PT5M`. Elsewhere called `max_idle_time`. */
  readonly maxIdleTime: Duration;
}

/** What every key of a reuse is when nobody sets it. @public */
export const defaultInstanceReuse: InstanceReuse = { maxInstances: 8, maxCalls: 1_000, maxIdleTime: 'PT5M' };

/**
 * How a runtime runs a module: the `runtime` field of modules and releases.
 * @public
 */
export interface ModuleRuntime {
  /** `null` (default): a fresh instance for each call. Else instances are kept and used again. */
  readonly reuse: InstanceReuse | null;
  /** Fuel of one call; `null` (default): not metered. */
  readonly fuel: number | null;
  /** Whether the module may use SIMD instructions. Default `true`. Elsewhere called `enable_simd`. */
  readonly simd: boolean;
  /** Whether compiled code is kept on disk. Default `true`. Elsewhere called `enable_aot_cache`. */
  readonly aotCache: boolean;
  /**
   * One living instance per node that keeps its state, which moves to the next version through `hotswap:module/state`.
   * Default `false`.
   */
  readonly stateful: boolean;
}

/** What every key is when nobody sets it: fresh instances, no fuel, SIMD and the code cache on. @public */
export const defaultModuleRuntime: ModuleRuntime = {
  reuse: null,
  fuel: null,
  simd: true,
  aotCache: true,
  stateful: false,
};

/** What a module asks for beyond computing; a node grants it where its own configuration allows. Default: nothing. @public */
export interface Capabilities {
  readonly env: Readonly<Record<string, string>>;
  /** Directories by the name a node's configuration gives them, mounted at `guestPath`. */
  readonly dirs: readonly { readonly name: string; readonly guestPath: string; readonly readOnly: boolean }[];
  /** Hosts of outgoing HTTP: `api.example.org`, `*.example.org`, `host:port`, `https://host`. Empty: none. */
  readonly allowedHosts: readonly string[];
}

/** @public */
export const noCapabilities: Capabilities = { env: {}, dirs: [], allowedHosts: [] };

/** Highest WASI level that a binary needs. @public */
export type WasiLevel = 'none' | 'preview1' | 'preview2' | 'preview3';

/**
 * A type as the binary declares it: WIT for components (`u32`, `list<u8>`, `record { x: f64 }`), value types for core
 * modules (`i32`).
 * @public
 */
export interface FunctionSignature {
  /** `name` for core modules and root functions, `ns:pkg/iface@version#function` for those of interfaces. */
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly type: string }[];
  /** Absent: returns nothing. Several results of a core function are `(i32, i64)`. */
  readonly result?: string;
}

/** One thing that a binary imports or exports besides functions. @public */
export interface ModuleExtern {
  readonly name: string;
  readonly kind: 'function' | 'memory' | 'table' | 'global' | 'tag' | 'interface' | 'type' | 'module' | 'component';
  /** Signature or limits in words; for interfaces absent. */
  readonly type?: string;
}

/**
 * By what a binary answers HTTP requests: `component` exports `wasi:http/incoming-handler` or `wasi:http/handler`, `command` is a program that
 * is run as CGI (RFC 3875), `handler` is a core module that exports `hotswap_http_handle`.
 * @public
 */
export type HttpServing = 'component' | 'command' | 'handler';

/**
 * What can be told from a binary without running it.
 * @public
 */
export interface ModuleDescription {
  readonly kind: 'core' | 'component';
  readonly wasiLevel: WasiLevel;
  readonly sizeBytes: number;
  /** Interfaces (`wasi:cli/environment@0.2.0`) or, for core modules, `module.name`, with what they are. */
  readonly imports: readonly ModuleExtern[];
  readonly exports: readonly ModuleExtern[];
  /** Callable exports with their types. */
  readonly functions: readonly FunctionSignature[];
  /** Whether it is run as a program: exports `_start`, or `wasi:cli/run`. */
  readonly isCommand: boolean;
  /** By what it answers HTTP requests; `null`: it cannot. */
  readonly servesHttp: HttpServing | null;
  /** World of a component as WIT text; absent for core modules. */
  readonly wit?: string;
}

/**
 * A registered module version.
 * @public
 */
export interface ModuleRecord {
  readonly tenant: string;
  /** `name-vX.Y.Z`. */
  readonly moduleId: string;
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly description: ModuleDescription;
  readonly wasiVersion: WasiLevel;
  /** Upper bound of what it may import; `null` when the author stated none. */
  readonly interfaces: readonly string[] | null;
  readonly resourceLimits: ResourceLimits;
  readonly capabilities: Capabilities;
  /** How it is reached by HTTP; `null`: it is not. */
  readonly http: ModuleHttp | null;
  readonly runtime: ModuleRuntime;
  /** Regions that it never leaves, whatever a deployment asks for. Absent or `null`: it may go anywhere. */
  readonly allowedRegions?: readonly string[] | null;
  readonly healthCheck: HealthCheckOverride;
  readonly createdBy: string;
  readonly createdAt: number;
}

/**
 * The immutable thing that is deployed: code, configuration, capabilities, limits and health check under one id.
 * @public
 */
export interface Release {
  readonly tenant: string;
  readonly releaseId: string;
  readonly moduleId: string;
  readonly moduleName: string;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Free configuration; modules see it as environment variables when its values are strings. */
  readonly config: Readonly<Record<string, Json>>;
  readonly capabilities: Capabilities;
  readonly resourceLimits: ResourceLimits;
  /** How it is reached by HTTP; `null`: it is not. */
  readonly http: ModuleHttp | null;
  readonly runtime: ModuleRuntime;
  readonly healthCheck: HealthCheckOverride;
  /** Release that this one stands for without its capabilities, to answer copies of requests. Absent: it is no such one. */
  readonly shadowOf?: string;
}
