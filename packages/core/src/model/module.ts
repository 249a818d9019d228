import type { Digest } from './digest.ts';
import type { Duration } from './duration.ts';
import type { HealthCheckOverride } from './health-check.ts';
import type { Json } from './json.ts';

/** What a module may use at most. Defaults: 128 MB, 100 % of a core, PT5S, 1 MiB (X-17, X-18, RUN-9). @public */
export interface ResourceLimits {
  /** Linear memory of one instance, all memories together, in mebibytes. */
  readonly maxMemoryMB: number;
  /** Share of one core that a call may take while it runs. */
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

/** What a module asks for beyond computing; a node grants it where its own configuration allows. Default: nothing. @public */
export interface Capabilities {
  readonly env: Readonly<Record<string, string>>;
  /** Directories by the name a node's configuration gives them, mounted at `guestPath`. */
  readonly dirs: readonly { readonly name: string; readonly guestPath: string; readonly readOnly: boolean }[];
  readonly allowedHosts: readonly string[];
}

/** @public */
export const noCapabilities: Capabilities = { env: {}, dirs: [], allowedHosts: [] };

/** Highest WASI level that a binary needs. @public */
export type WasiLevel = 'none' | 'preview1' | 'preview2';

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
  readonly healthCheck: HealthCheckOverride;
}
