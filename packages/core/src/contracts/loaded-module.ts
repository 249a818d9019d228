import type { Digest } from '../model/digest.ts';
import type { ModuleDescription, ModuleRuntime, ResourceLimits } from '../model/module.ts';

/**
 * A value at the border of a guest. Core modules: numbers, `bigint` for i64. Components: WIT types as in jco: 64-bit
 * integers `bigint`, `list<u8>` `Uint8Array`, numeric lists typed arrays, records objects with camelCase keys, variants
 * `{tag, val}`, enums strings, flags objects of booleans, options the value or `undefined`.
 * @public
 */
export type WitValue =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | ArrayBufferView
  | readonly WitValue[]
  | { readonly [field: string]: WitValue }
  | ResourceHandle;

/** A guest's resource, valid as long as its instance is open. @public */
export interface ResourceHandle extends Disposable {
  readonly resourceType: string;
}

/** Where a module's bytes are. @public */
export type ModuleSource =
  | { readonly bytes: Uint8Array; readonly digest?: Digest }
  /** Read by the runtime itself, verified against the digest. */
  | { readonly path: string; readonly digest: Digest };

/** What a guest may touch of its host; everything absent is denied. @public */
export interface WasiPolicy {
  /** The first of the guest's arguments, its own name. Default `module`. */
  readonly programName?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folders of the host by their names in the guest; `readOnly` has no default. */
  readonly dirs?: readonly { readonly hostPath: string; readonly guestPath: string; readonly readOnly: boolean }[];
}

/**
 * Which parts of the network a guest may reach; everything absent is denied. What a runtime does not declare is refused with
 * `HS_RUNTIME_UNSUPPORTED` when the module is loaded: `allowedHosts` without `outgoingHttp`, `sockets` that open something
 * without `sockets`. A policy that opens nothing is taken everywhere.
 * @public
 */
export interface NetworkPolicy {
  /** Hosts of outgoing HTTP: `api.example.org`, `*.example.org`, `host:port`, `https://host`. */
  readonly allowedHosts: readonly string[];
  /**
   * Whether names may lead to this machine and into private networks, checked after resolution on every connection.
   * Link-local, multicast and reserved addresses and the metadata services of clouds stay closed. Default `false`.
   */
  readonly allowPrivateAddresses?: boolean;
  /** Sockets of `wasi:sockets`. Absent: none. */
  readonly sockets?: {
    /** Addresses or ranges with a port: `192.0.2.10:5432`, `10.0.0.0/8:*`. */
    readonly tcp: readonly string[];
    readonly udp: readonly string[];
    /** Whether names may be looked up. */
    readonly nameLookup: boolean;
  };
  /**
   * Certificates in PEM that a TLS server may be vouched for by, besides the public roots: those of a private authority, say.
   * Absent: the public roots alone.
   */
  readonly extraRootsPem?: readonly string[];
  /** Outgoing requests of a module at one time, 1 to 10,000. Default 64. */
  readonly maxConcurrentRequests?: number;
  /** Bytes of one request body, at most 1 TiB; 0: none has one. Absent: the runtime's own bound, 64 MiB on Wasmtime. */
  readonly maxRequestBytes?: number;
  /** Bytes of one response body, at most 1 TiB; 0: none has one. Absent: the runtime's own bound, 64 MiB on Wasmtime. */
  readonly maxResponseBytes?: number;
  /** Milliseconds of one request, body included: whole ones, a day at most. Absent: the call's own limit. */
  readonly requestTimeoutMs?: number;
}

/** A JavaScript function that a guest calls; may answer later. A thrown error is the guest's `err` or a trap. @public */
export type HostFunction = (...args: WitValue[]) => WitValue | Promise<WitValue>;

/** Functions by interface (`ns:pkg/iface@version`) or, for core modules, by module name. @public */
export type HostImports = Readonly<Record<string, Readonly<Record<string, HostFunction>>>>;

/**
 * What a module may do and use. Options that there are not, values of another kind and numbers that no engine can be given are
 * refused with `HS_RUNTIME_INVALID_ARGUMENT`; `Infinity` stands for no bound, see {@link loadLimits}. What asks for a capability
 * that the runtime does not declare is refused with `HS_RUNTIME_UNSUPPORTED`, see {@link checkCapabilities}.
 * @public
 */
export interface LoadOptions {
  /** Default {@link defaultResourceLimits}. */
  readonly limits?: Partial<ResourceLimits>;
  readonly wasi?: WasiPolicy;
  /** Bytes of results or output that a call may produce. Default 1 MiB. */
  readonly maxOutputSize?: number;
  /** Reuse, fuel, SIMD, code cache and state. What is absent follows {@link defaultModuleRuntime}. */
  readonly runtime?: Partial<ModuleRuntime>;
  /** Absent: no network. */
  readonly network?: NetworkPolicy;
  /**
   * Whether loading ends with an instance that is thrown away, which shows that the module starts. Its start function runs
   * for it, with all that `wasi` and `imports` give. `false` is for what is run once, and whose start function must not run
   * twice: it fails then when it is called. Default `true`.
   */
  readonly probe?: boolean;
  /** Host functions; only with the capability. Absent: none besides WASI. */
  readonly imports?: HostImports;
  /**
   * Bytes of state that a stateful module may hand to its next version; more, and the hand-over is refused with
   * `HS_RUNTIME_STATE_REFUSED`. Absent: the runtime's own bound, 64 MiB on Wasmtime.
   */
  readonly maxStateBytes?: number;
  /**
   * Bytes that all calls of the module together may write to its log in a second; the rest is dropped and counted. What a
   * command writes is its result and no log. Absent: the runtime's own bound.
   */
  readonly maxLogBytesPerSecond?: number;
}

/** Options of a call; what is absent follows the module's limits. @public */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Shortens the module's own time limit, never lengthens it. 0 and `Infinity`: none besides that one. */
  readonly timeoutMs?: number;
}

/** @public */
export interface CallResult {
  /** `undefined` when the function returns nothing. */
  readonly value: WitValue;
  readonly durationMs: number;
  /** Only when the module's fuel is metered. */
  readonly fuelUsed?: number;
  /**
   * Head of what the call wrote to its standard output, within {@link LoadOptions.maxOutputSize} and
   * {@link LoadOptions.maxLogBytesPerSecond}; empty when all of it was dropped. Absent: nothing was written, or the host
   * declares no WASI.
   */
  readonly stdout?: Uint8Array;
  /** The same of its standard error. */
  readonly stderr?: Uint8Array;
  /** Bytes of both that were not kept. Absent: none. */
  readonly droppedBytes?: number;
}

/** @public */
export interface CommandOptions extends CallOptions {
  readonly args?: readonly string[];
  /** Laid over the policy's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /**
   * `inherit`: the guest's standard streams are those of this process, `stdin` is left out and the result's `stdout` and
   * `stderr` are empty. Default `capture`.
   */
  readonly stdio?: 'capture' | 'inherit';
}

/** @public */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Bytes that were dropped because the output limit was reached. */
  readonly droppedBytes: number;
  readonly durationMs: number;
  /** Only when the module's fuel is metered. */
  readonly fuelUsed?: number;
}

/** Counters since loading. @public */
export interface ModuleStats {
  readonly calls: number;
  readonly errors: number;
  readonly crashes: number;
  readonly inFlight: number;
  readonly peakMemoryBytes: number;
  readonly memoryRefusals: number;
  /** 0 while fuel is not metered. */
  readonly fuelUsed: number;
  /** Time that calls waited because the module had used up its share of the processor. */
  readonly throttledMs: number;
  /** Processor time of the module's calls. Absent: the runtime does not meter it. */
  readonly cpuMs?: number;
  /** What the module reported through `hotswap:module/metrics`: counters summed, gauges with their last value. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Names in `metrics` that are gauges. Absent: all are counters. */
  readonly gauges?: readonly string[];
}

/**
 * A verified, compiled and linked module. A failed call never harms the next one.
 * @public
 */
export interface LoadedModule extends AsyncDisposable {
  readonly description: ModuleDescription;
  readonly digest: Digest;
  /**
   * Calls an export in a fresh instance. `-` and `_` are the same in a name; a function of an interface can be named
   * without it while that is unambiguous.
   * @throws HS_RUNTIME_UNKNOWN_EXPORT, HS_RUNTIME_INVALID_ARGUMENT (with the argument's path), HS_RUNTIME_TRAP,
   * HS_RUNTIME_TIMEOUT, HS_RUNTIME_CANCELLED, HS_RUNTIME_QUEUE_FULL, HS_RUNTIME_INPUT_LIMIT, HS_RUNTIME_OUTPUT_LIMIT,
   * HS_RUNTIME_GUEST_ERROR (an `err` result; the payload is in the details), HS_RUNTIME_CLOSED. A call that trapped or ran
   * out of time has the head of what it had written in the details `stdout` and `stderr`, with everything made visible that
   * would act on who shows it
   */
  invoke(name: string, args: readonly WitValue[], options?: CallOptions): Promise<CallResult>;
  /** Same on the calling thread, for modules without imports; only with the capability. */
  invokeSync?(name: string, args: readonly WitValue[], options?: Omit<CallOptions, 'signal'>): WitValue;
  /**
   * Runs a command once. An exit code is a result, not an error.
   * @throws HS_RUNTIME_NOT_A_COMMAND and the codes of `invoke`
   */
  run(options?: CommandOptions): Promise<CommandResult>;
  /** An instance that keeps its state between calls, which it takes one at a time; only with the capability. */
  open(): Promise<ModuleInstance>;
  /**
   * Hands the state of this module's living instance to another version of it; only with the capability `moduleState`.
   * Requests go on here until it is done.
   * @throws HS_RUNTIME_STATE_REFUSED when either side refuses or fails; this version then goes on serving.
   */
  handOver?(to: LoadedModule): Promise<void>;
  stats(): ModuleStats;
}

/** @public */
export interface ModuleInstance extends AsyncDisposable {
  /** As {@link LoadedModule.invoke}, but state persists. A trap closes the instance. @throws HS_RUNTIME_STALE_HANDLE after that */
  invoke(name: string, args: readonly WitValue[], options?: CallOptions): Promise<CallResult>;
  /** As {@link LoadedModule.invokeSync}, but state persists. @throws HS_RUNTIME_BUSY while an asynchronous call runs */
  invokeSync?(name: string, args: readonly WitValue[], options?: Omit<CallOptions, 'signal'>): WitValue;
}
