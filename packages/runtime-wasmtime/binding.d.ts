/**
 * The native surface of HotSwap's Wasmtime addon. Private to `@hotswap/runtime-wasmtime`: nothing outside this package imports it.
 *
 * Conventions
 * - Options travel as one JSON string per call (`...Json`): own properties only, unknown keys are refused with `INVALID_ARGUMENT`.
 * - Everything slow is asynchronous: a `Dispatcher` method takes a `callId` chosen by the caller (unsigned 32 bit, unique among the calls
 *   in flight of that dispatcher) and answers later through the dispatcher's batch callback. What is wrong with the call itself (argument
 *   types, full queue, closed handle) is thrown at once, and then no completion follows.
 * - A thrown error is an `Error` with `code`, `message`, `detailsJson?` and `payload?`; a completed one is a `NativeFailure`.
 * - Times are milliseconds or nanoseconds by their names, sizes are bytes, handles of modules, slot tables and instances are numbers.
 */

/** Code of an error; `errorCodes()` lists all of them, so that a parity test can hold this union and the Rust table together. */
export type NativeErrorCode =
  | 'INVALID_MODULE' // bytes are no valid WebAssembly, or need something that is switched off
  | 'DIGEST_MISMATCH' // the bytes have another digest; nothing was parsed. details: expected, actual
  | 'MODULE_TOO_LARGE' // bytes exceed maxModuleBytes; nothing was parsed. details: sizeBytes, limitBytes
  | 'UNSUPPORTED' // valid, but this binding does not do it. details: feature
  | 'COMPILE_FAILED' // valid, but the compiler refused it. details: reason
  | 'LINK_FAILED' // an import is missing, or denied by policy. details: imports[], reason
  | 'START_FAILED' // instantiation failed for a reason that is neither a trap nor a limit. details: reason
  | 'UNKNOWN_EXPORT' // details: export, available[]
  | 'UNKNOWN_SLOT' // details: slot
  | 'UNKNOWN_VERSION' // the pinned module is not held by that slot. details: slot, moduleId, held[]
  | 'INVALID_ARGUMENT' // details: path (`args[0].points[3].x`), expected
  | 'GUEST_ERROR' // a component function returned the err case of its result; `payload` holds the value
  // What a call or command had written before it failed is in details.stdout and details.stderr: their first 2,000 bytes, escaped.
  | 'TRAP' // details: trap (TrapKind), frames[], elapsedMs, exitCode? (trap 'host': the guest called exit in a function call)
  | 'TIMEOUT' // wall clock or CPU limit. details: limit ('timeoutMs' | 'cpuMs'), limitMs, elapsedMs, queuedMs
  | 'MEMORY_LIMIT' // details: limitBytes, peakBytes, requestedBytes, trap?, scope? ('runtime': all guests together hold too much)
  | 'TABLE_LIMIT' // details: limitElements, requestedElements
  | 'INSTANCE_LIMIT' // details: limit
  | 'INPUT_LIMIT' // details: limitBytes, sizeBytes
  | 'OUTPUT_LIMIT' // details: limitBytes, sizeBytes?
  | 'FUEL_EXHAUSTED' // the call used up its fuel. details: limitFuel, frames[], starting
  | 'COMPILE_LIMIT' // compiling took more than its limit. details: limit ('cpuMs' | 'memoryBytes' | 'wallMs' | 'crash'), reason
  | 'CANCELLED' // details: by ('caller' | 'drain' | 'shutdown')
  | 'STATE_REFUSED' // details: stage ('check' | 'wait' | 'save' | 'size' | 'start' | 'load'), reason, cause?, sizeBytes?, limitBytes?, stateLost?
  | 'QUEUE_FULL' // details: scope ('runtime' | 'module' | 'instance' | 'pool' | 'cpu'), limit, retryAfterMs? ('cpu')
  | 'BUSY' // callSync on an instance that is in a call
  | 'STALE_HANDLE' // the module, instance or resource is gone. details: kind, reason
  | 'CLOSED' // the dispatcher was closed
  | 'NOT_SYNCHRONOUS' // callSync of a module or function that cannot run on the JavaScript thread. details: reason
  | 'SIGNAL_HANDLER_REPLACED' // someone replaced the process's SIGSEGV handler: no guest can run safely. details: signal
  | 'CACHE_UNUSABLE' // the cache folder or its key is not private to this user, or cannot be read. details: directory, reason
  | 'IO_FAILED' // reading the module file or a preopened folder failed. details: reason
  | 'LISTEN_FAILED' // a listener could not be opened. details: host, port, reason
  | 'INTERNAL'; // a caught panic or an engine error without a name. details: reason

/** Trap kinds in `details.trap`. */
export type TrapKind =
  | 'unreachable' | 'stack-overflow' | 'memory-out-of-bounds' | 'heap-misaligned' | 'table-out-of-bounds' | 'indirect-call-to-null'
  | 'bad-signature' | 'integer-overflow' | 'integer-division-by-zero' | 'bad-conversion-to-integer' | 'interrupt' | 'out-of-fuel'
  | 'cannot-enter-component' | 'null-reference' | 'array-out-of-bounds' | 'allocation-too-large' | 'cast-failure' | 'uncaught-exception'
  | 'host' | 'other';

/** One frame in `details.frames`, innermost first, at most 20. Names are the guest's own, cut at 200 characters. */
export interface TrapFrame {
  readonly functionIndex: number;
  readonly functionName?: string;
  readonly moduleName?: string;
  /** Byte offset in the WebAssembly binary. */
  readonly moduleOffset?: number;
  /** Source position, where the module carries DWARF. */
  readonly source?: string;
}

/** What a completion carries instead of a value. */
export interface NativeFailure {
  readonly code: NativeErrorCode;
  readonly message: string;
  /** JSON object; absent when there is nothing to add. */
  readonly detailsJson?: string;
  /** `GUEST_ERROR` only: the err value, converted like a result. `undefined` for `result<_>` without payload. */
  readonly payload?: unknown;
}

/** Every stable error code with one sentence about it, in table order. */
export function errorCodes(): { code: NativeErrorCode; summary: string }[];

// ---------------------------------------------------------------------------------------------------------------- process

/** JSON of `initialize`. Every field may be absent. */
export interface RuntimeOptions {
  /**
   * Live instances the pool holds at most, and so the calls that run at once. Default: what cores, memory, address space and mappings of
   * the machine or its container are good for, at most 1,000; 0 switches the pool off.
   */
  readonly poolSlots?: number;
  /** Linear memory of all guests together; growth beyond it is refused. Default: 80 % of what the machine or its container has. */
  readonly maxGuestMemoryBytes?: number;
  /** Threads that run asynchronous calls. Default max(2, cores - 1). What computes on moves to others, of lower priority, one a core. */
  readonly workerThreads?: number;
  /** Threads that compile. Default max(1, cores / 2). */
  readonly compileThreads?: number;
  /** Calls admitted but not finished, over all modules. More are refused with `QUEUE_FULL`. Default 10,000. */
  readonly maxPendingCalls?: number;
  /** 'signals' (default): guard pages and signal handlers. 'explicit': no signal handlers at all, slower code, for processes whose crash reporter insists on SIGSEGV. */
  readonly trapMode?: 'signals' | 'explicit';
}

/** What `initialize` found and did. */
export interface RuntimeInfo {
  readonly wasmtimeVersion: string;
  readonly addonVersion: string;
  /** Target triple of the addon. */
  readonly target: string;
  readonly trapMode: 'signals' | 'explicit';
  readonly pool: { readonly enabled: boolean; /** Why not, or why smaller than asked. */ readonly reason?: string; readonly slots: number; /** What decided the number: 'option', 'default', 'cores', 'memory', 'address space', 'mappings'. */ readonly limitedBy: string; /** Memory that a free slot keeps at most: all slots together a quarter of the machine's. */ readonly keptBytesPerSlot: number; /** Kernel resets memory by PAGEMAP_SCAN (Linux 6.7+). */ readonly pagemapScan: boolean };
  readonly workerThreads: number;
  readonly compileThreads: number;
  readonly maxPendingCalls: number;
  readonly maxGuestMemoryBytes: number;
  readonly epochTickMs: number;
  readonly maxWasmStackBytes: number;
  readonly wasi: { readonly preview1: boolean; readonly preview2: boolean; readonly preview3: boolean };
  /** True for the call that really started the runtime; options of later calls are ignored. */
  readonly started: boolean;
}

/**
 * Starts the process-global runtime, once: pins this addon's image in memory, then creates engines, ticker and threads. Later calls, from
 * any Worker, return the same information. Every other function that needs the runtime starts it with defaults.
 *
 * @throws `INVALID_ARGUMENT`, `INTERNAL`
 */
export function initialize(optionsJson?: string): RuntimeInfo;

/** Whether guests can run safely. `ok: false` comes with code `SIGNAL_HANDLER_REPLACED`, and calls are refused with it until it is back. */
export function health(): { ok: boolean; code?: NativeErrorCode; message?: string };

/** Pool and queue gauges of the process. */
export interface RuntimeStats {
  readonly pendingCalls: number;
  readonly runningCalls: number;
  readonly queueFull: number;
  /** Linear memory of all guests that live now. */
  readonly guestMemoryBytes: number;
  /** Growths refused because all guests together held too much. */
  readonly guestMemoryRefusals: number;
  readonly loadedModules: number;
  readonly openInstances: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Entries whose authentication failed; each was deleted and compiled anew. */
  readonly cacheRejected: number;
  readonly pool?: {
    readonly coreInstances: number;
    readonly componentInstances: number;
    readonly memories: number;
    readonly tables: number;
    readonly stacks: number;
    readonly unusedWarmMemories: number;
    readonly unusedMemoryBytesResident: number;
  };
}
export function runtimeStats(): RuntimeStats;

/**
 * The whole life of a compiling child: answers its parent on standard input and output, until the input ends. Blocks. For processes that
 * `LoadOptions.compiler` starts and nothing else.
 */
export function compileWorker(): void;

/**
 * Nanoseconds of mapping one verified cache entry anew without verifying it, once per iteration. For `bench/` only: what loading costs
 * beyond this is verification, linking and the probe.
 *
 * @param optionsJson `LoadOptions` with `digest` and `cache`.
 * @throws `INVALID_ARGUMENT` when the cache has no such entry, `CACHE_UNUSABLE`
 */
export function benchMap(optionsJson: string, iterations: number): number[];

// ------------------------------------------------------------------------------------------------------------- description

/** A type as JSON. WIT kinds for components; `v128`, `funcref`, `externref` and other references only for core functions. */
export type WitType =
  | { kind: 'bool' | 's8' | 'u8' | 's16' | 'u16' | 's32' | 'u32' | 's64' | 'u64' | 'f32' | 'f64' | 'char' | 'string' | 'error-context' }
  | { kind: 'i32' | 'i64' | 'v128' | 'ref'; /** Text form of a reference type. */ text?: string }
  | { kind: 'list'; element: WitType; /** Fixed-length lists only. */ length?: number }
  | { kind: 'map'; key: WitType; value: WitType }
  | { kind: 'tuple'; items: WitType[] }
  | { kind: 'record'; name?: string; fields: { name: string; type: WitType }[] }
  | { kind: 'variant'; name?: string; cases: { name: string; type?: WitType }[] }
  | { kind: 'enum'; name?: string; cases: string[] }
  | { kind: 'flags'; name?: string; flags: string[] }
  | { kind: 'option'; some: WitType }
  | { kind: 'result'; ok?: WitType; err?: WitType }
  | { kind: 'own' | 'borrow'; resource: string; /** Objects of the embedder: the component imports it, and not from WASI. */ host?: true }
  | { kind: 'stream' | 'future'; item?: WitType };

/** Signature of one function. */
export interface FunctionDescription {
  /** `ns:pkg/iface@1.2.0#function` within an interface, the bare name at the root and for core modules. */
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly type: WitType }[];
  /** Component functions have at most one; core functions may have several. */
  readonly results: readonly WitType[];
  /** Declared as `async func`. */
  readonly async: boolean;
}

export type ExternDescription =
  | { kind: 'function'; name: string; params: readonly { name: string; type: WitType }[]; results: readonly WitType[]; async: boolean }
  | { kind: 'memory'; name: string; minPages: number; maxPages?: number; shared: boolean; memory64: boolean }
  | { kind: 'table'; name: string; element: string; min: number; max?: number }
  | { kind: 'global'; name: string; type: string; mutable: boolean }
  | { kind: 'tag'; name: string }
  /** A component's interface: its functions are listed one by one as `function` entries too. */
  | { kind: 'interface'; name: string; functions: string[]; types: string[] }
  | { kind: 'type'; name: string };

/** What a binary is, without compiling it. */
export interface ModuleDescription {
  readonly kind: 'core' | 'component';
  readonly sizeBytes: number;
  /** Level of the WASI imports. */
  readonly wasi: 'none' | 'preview1' | 'preview2' | 'preview3';
  /** 'command': `_start` or `wasi:cli/run`; 'http': `wasi:http/incoming-handler`; 'reactor': `_initialize`; else 'library'. */
  readonly role: 'command' | 'http' | 'reactor' | 'library';
  /** Core imports are named `module::name`. */
  readonly imports: readonly ExternDescription[];
  readonly exports: readonly ExternDescription[];
  /** Own linear memories of a core module; imported ones are in `imports`. For components: of all core modules inside. */
  readonly memories: readonly { readonly minPages: number; readonly maxPages?: number; readonly shared: boolean; readonly memory64: boolean }[];
  /** WIT of the component's world, null for core modules and for components whose types no WIT document can express. */
  readonly wit: string | null;
  /** Names and versions of the producers section, for people. */
  readonly producers: readonly { readonly field: string; readonly name: string; readonly version: string }[];
}

// ------------------------------------------------------------------------------------------------------------------ policy

/** What a module may do and use. Everything absent is denied, or the default named here. */
export interface ModulePolicy {
  readonly limits?: {
    /** Sum over all linear memories (and GC heaps) of one instance. Default 64 MiB. */
    readonly maxMemoryBytes?: number;
    /** Sum over all tables. Default 100,000. */
    readonly maxTableElements?: number;
    /** Core instances within one component instance. Default 64. */
    readonly maxInstances?: number;
    /** Wall clock from admission to result, queueing included. Default 5,000. */
    readonly timeoutMs?: number;
    /** Time on the CPU, in steps of 10 ms. Default: the same as timeoutMs. */
    readonly cpuMs?: number;
    /**
     * Share of one core of all instances together over a sliding second, from 1; 100 and absence: no share. Who is over it waits; a call
     * that would wait past its deadline is refused with `QUEUE_FULL`. `callSync` is not held to it: it uses the caller's own thread.
     */
    readonly maxCpuPercent?: number;
    /** Wall clock of `callSync`, which blocks the event loop. Default 100, at most 1,000. */
    readonly syncTimeoutMs?: number;
    /** Sum of the sizes of all arguments and stdin. Default 16 MiB. */
    readonly maxInputBytes?: number;
    /** Size of a result. Default 16 MiB. */
    readonly maxOutputBytes?: number;
    /** Kept per stream of stdout and stderr; the head is kept, the rest counted. Default 64 KiB. */
    readonly maxStdioBytes?: number;
    /** State that one version hands to the next. Default 64 MiB. */
    readonly maxStateBytes?: number;
    /** Output of all calls together that is kept in a second; the rest is dropped and counted. Commands have only maxStdioBytes. Default 1 MiB. */
    readonly maxLogBytesPerSecond?: number;
    /** Resource handles one instance may hold in the host. Default 10,000. */
    readonly maxHostResources?: number;
    /** Calls admitted but not finished, for this module. Default 1,000. */
    readonly maxPendingCalls?: number;
  };
  readonly wasi?: {
    /** Arguments after the program name (`argv[0]` is `programName`). */
    readonly args?: readonly string[];
    readonly programName?: string;
    readonly env?: Readonly<Record<string, string>>;
    /** Folders of the host, opened when the module is loaded. Read-only unless said otherwise. */
    readonly preopens?: readonly { readonly hostPath: string; readonly guestPath: string; readonly readOnly?: boolean }[];
  };
  readonly runtime?: {
    /**
     * Null (default): a fresh instance per call. Otherwise instances are kept and used again, last used first; guest memory is not wiped
     * in between. Defaults: 8 instances, 1,000 calls each, 300,000 ms idle.
     */
    readonly reuse?: { readonly maxInstances?: number; readonly maxCalls?: number; readonly maxIdleMs?: number } | null;
    /** Fuel of one call, about one unit per instruction. Null (default): not metered; metered code is slower. */
    readonly fuel?: number | null;
    /** Vector instructions. False: a module that has any is refused with `UNSUPPORTED`, feature `simd`. Default true. */
    readonly simd?: boolean;
    /** Keep compiled code in `cache`. Default true. */
    readonly aotCache?: boolean;
    /** One living instance that keeps its state, which moves to the next version. Default false. */
    readonly stateful?: boolean;
  };
  /** The network. Absent: none. */
  readonly network?: {
    /**
     * Hosts of outgoing HTTP: `api.example.org`, `*.example.org` (one label or more in front), an address; `http://` or `https://` before
     * and `:port` or `:*` after narrow or widen it. Without a port only the scheme's own port is open. Anything else is refused.
     */
    readonly allowedHosts?: readonly string[];
    /**
     * Names and addresses may lead to this machine and into private networks. Default false. Link-local, multicast and reserved addresses
     * and the metadata services of clouds stay closed.
     */
    readonly allowPrivateAddresses?: boolean;
    /** Certificates in PEM that are trusted besides the public roots. */
    readonly extraRootsPem?: readonly string[];
    /** Requests whose answers have not been read. Default 64. */
    readonly maxConcurrentRequests?: number;
    /** Body of one request. Default 64 MiB. */
    readonly maxRequestBytes?: number;
    /** Body of one answer. Default 64 MiB. */
    readonly maxResponseBytes?: number;
    /** Time of one request, body included, and the upper end of the guest's own timeouts. Default: `timeoutMs`. */
    readonly requestTimeoutMs?: number;
    /** Sockets: `address:port`, `address/prefix:port`, `*` for any port. Private addresses only by rules that name nothing else. */
    readonly sockets?: { readonly tcp?: readonly string[]; readonly udp?: readonly string[]; readonly nameLookup?: boolean };
  };
}

/** JSON of `Dispatcher.load`. */
export interface LoadOptions {
  /** `sha256:<hex>` of the bytes. Names the cache entry. Absent: the bytes are hashed. */
  readonly digest?: string;
  /** Hash the bytes with SHA-256 and refuse others than those of `digest`. Default: the caller has done it. */
  readonly verify?: boolean;
  /** Read the bytes from this file when `bytes` is null and they are needed: to be verified, or to be compiled. */
  readonly path?: string;
  readonly policy?: ModulePolicy;
  /** Refuse larger binaries before parsing. Default 50 MiB. */
  readonly maxModuleBytes?: number;
  /** Compiled code on disk. Absent: compile every time. */
  readonly cache?: {
    /** Created with mode 0700 when absent; refused when someone else can write in it. */
    readonly directory: string;
    /** 32 bytes in hex. Keep it outside `directory`. Entries that this key does not authenticate are deleted, never run. */
    readonly keyHex: string;
  };
  /** Compile in a child process within bounds; what is over them fails with `COMPILE_LIMIT`. Absent: in this process, without bounds. */
  readonly compiler?: {
    /** Program and arguments; it has to end in `compileWorker()`. A child is kept for ten seconds after its last module. */
    readonly command: readonly string[];
    /** Processor time of one module, in whole seconds. Default 10,000. */
    readonly cpuMs?: number;
    /** Memory of the child. Default 1 GiB. */
    readonly memoryBytes?: number;
    /** Wall clock of one module. Default 60,000. */
    readonly wallMs?: number;
  };
  /** Instantiate once before answering, so that a trap in start fails the load and the first call is warm. Default true. */
  readonly probe?: boolean;
  /** What may be used although it may still change. Without 'preview3' a component that needs it is refused with `UNSUPPORTED`. Default none. */
  readonly experimental?: readonly 'preview3'[];
}

/** What loading did. */
export interface LoadReport {
  /** 'hit': mapped from the cache; 'miss': compiled and stored; 'rejected': entry failed authentication, compiled anew; 'off'. */
  readonly cache: 'hit' | 'miss' | 'rejected' | 'off';
  readonly validateMs: number;
  readonly compileMs: number;
  readonly mapMs: number;
  readonly linkMs: number;
  readonly probeMs: number;
  readonly totalMs: number;
  /**
   * 'pooled', or 'on-demand' when the module's shape does not fit the pool, or 'metered' when it counts fuel; 'concurrent' and
   * 'concurrent-metered' on the engine for asynchronous functions and WASI 0.3.
   */
  readonly profile: 'pooled' | 'on-demand' | 'metered' | 'concurrent' | 'concurrent-metered';
  /** Bytes of machine code and metadata in memory. */
  readonly codeBytes: number;
}

/** A function as a call target; its position in the list is its `exportIndex`. */
export interface CallableDescription extends FunctionDescription {
  /** May be called by `callSync`. */
  readonly synchronous: boolean;
  /** Why no call can reach it (streams, futures, core references). Null: callable. */
  readonly unsupported: string | null;
  /** Uses resources: callable on an opened instance only. */
  readonly needsInstance: boolean;
  /**
   * What a message may carry: arguments, or the result too. Null: values cross just as quickly by themselves. A message is one run of bytes,
   * laid out by the types alone: `values/message.rs` has the table. A `result` at the top is its ok value there.
   */
  readonly message: 'arguments' | 'both' | null;
}

/** Counters of one module since it was loaded. Monotone but for `inFlight`. */
export interface ModuleStats {
  readonly calls: number;
  readonly errors: number;
  readonly guestErrors: number;
  readonly traps: Readonly<Partial<Record<TrapKind, number>>>;
  readonly timeouts: number;
  readonly cancelled: number;
  readonly limitRefusals: number;
  readonly queueFull: number;
  readonly inFlight: number;
  readonly refusedGrowths: number;
  /** Calls that held all the memory they may, refused growths included. */
  readonly memoryAtLimit: number;
  /** Sum over finished calls; 0 where they are not metered. */
  readonly fuelUsed: number;
  /** Calls and HTTP requests that ran on an instance of an earlier one. */
  readonly reusedInstances: number;
  /** Instances kept for the next call or HTTP request now. */
  readonly idleInstances: number;
  /** Time that calls were held back because the module was over its share of a core. */
  readonly throttledMs: number;
  /** Time on the processor as far as ticks of 10 ms saw it. */
  readonly cpuMs: number;
  readonly memoryPeakBytes: number;
  /** Sums over finished calls. */
  readonly queueNs: number;
  readonly instantiateNs: number;
  readonly invokeNs: number;
  /** Finished calls by whole duration: bucket i holds those below `2^i` microseconds, the last one the rest. 24 buckets. */
  readonly latencyHistogram: readonly number[];
  /** What the module reported through `hotswap:module/metrics`: sums and last values by `name` or `name{label="value"}`. At most 200. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Reports that were dropped: too many series, names or labels that are none, numbers that are not finite. */
  readonly metricsDropped: number;
  /** Stateful modules only: instances that an error ended with their state, and states handed to another version. */
  readonly state?: { readonly lost: number; readonly handedOver: number };
  /** Output beyond maxLogBytesPerSecond. */
  readonly logDroppedBytes: number;
  /** Outgoing HTTP, for modules whose policy allows any host. `denied` counts hosts that no pattern names and addresses that are closed. */
  readonly outgoing?: {
    readonly requests: number;
    readonly denied: number;
    readonly failed: number;
    readonly connections: number;
    readonly sentBytes: number;
    readonly receivedBytes: number;
  };
}

/**
 * A loaded module. Comes out of `Dispatcher.load` or `ModuleHandle.attach`; the module lives while any handle, slot, instance or call holds
 * it. `dispose` lets go of this handle at once, without waiting for garbage collection.
 */
export class ModuleHandle {
  private constructor();
  /** Another handle to a module of this process, e.g. in another Worker. @throws `STALE_HANDLE` */
  static attach(moduleId: number): ModuleHandle;
  readonly id: number;
  readonly kind: 'core' | 'component';
  /** No WASI, no host call: eligible for `callSync`. */
  readonly pure: boolean;
  /** The digest that it was loaded by, or the one that its bytes have. */
  readonly digest: string;
  /** JSON of `ModuleDescription`. */
  descriptionJson(): string;
  /** JSON of `LoadReport`. */
  reportJson(): string;
  /** JSON of `CallableDescription[]`, in `exportIndex` order. */
  functionsJson(): string;
  /** Position of an export, or -1. */
  exportIndex(name: string): number;
  /** JSON of `ModuleStats`. */
  statsJson(): string;
  readonly inFlight: number;
  /**
   * Calls a pure module on this thread: fresh instance, limits and `syncTimeoutMs` enforced, the event loop waits.
   *
   * @param timeoutMs 0: the policy's `syncTimeoutMs`; larger values than the policy's are cut to it.
   * @throws `INVALID_ARGUMENT`, `UNKNOWN_EXPORT`, `NOT_SYNCHRONOUS`, `TRAP`, `TIMEOUT`, `GUEST_ERROR`, limits, `STALE_HANDLE`
   */
  callSync(exportIndex: number, args: readonly unknown[], timeoutMs?: number): unknown;
  /** A function that is `callSync` of one export with the policy's own time limit, several times quicker to enter. Its use after `dispose` throws `STALE_HANDLE`. */
  bindSync(exportIndex: number): (...args: readonly unknown[]) => unknown;
  /**
   * As `bindSync`, for a function with a `message`: called with a buffer and the length of the arguments' message in it. Answers, where the
   * result is a message, with its length in the same buffer, or with a `Uint8Array` where it does not fit; else with the result.
   */
  bindMessages(exportIndex: number): (buffer: Uint8Array, length: number) => unknown;
  /** Nanoseconds per fresh isolated call (store, instantiate, call, drop) of a loop in Rust. For `bench/` only. */
  benchFresh(exportIndex: number, args: readonly unknown[], iterations: number): number;
  /** Nanoseconds per call on one warm instance of a loop in Rust. For `bench/` only. */
  benchWarm(exportIndex: number, args: readonly unknown[], iterations: number): number;
  /** Idempotent. Later use of this handle throws `STALE_HANDLE`; calls in flight finish. */
  dispose(): void;
}

/** A live instance with its own memory. Calls are serialised. Any trap, timeout or cancellation ends it: later calls throw `STALE_HANDLE`. */
export class InstanceHandle {
  private constructor();
  readonly id: number;
  readonly moduleId: number;
  /** Opened on a pure module: `callSync` works. */
  readonly synchronous: boolean;
  readonly alive: boolean;
  /** @throws as `ModuleHandle.callSync`, and `BUSY` while an asynchronous call runs. */
  callSync(exportIndex: number, args: readonly unknown[], timeoutMs?: number): unknown;
  /** As `ModuleHandle.bindSync`. */
  bindSync(exportIndex: number): (...args: readonly unknown[]) => unknown;
  /** As `ModuleHandle.bindMessages`. */
  bindMessages(exportIndex: number): (buffer: Uint8Array, length: number) => unknown;
  /** Frees the instance; a call in flight is cancelled. Idempotent. */
  close(): void;
}

/** A component resource within an opened instance: pass it where the function wants it. Its fields are meaningless outside. */
export interface ResourceValue {
  readonly $resource: readonly [instanceId: number, index: number, generation: number];
}

// ------------------------------------------------------------------------------------------------------------------- slots

/** JSON of `SlotTable.set`. */
export interface SlotAssignment {
  /** Gets what the splits leave. Null: no version takes traffic, the ones of `keep` can be pinned. */
  readonly current: number | null;
  /** Shares in percent, fractions allowed, together at most 100. A sticky key that falls to a split stays there while its share grows. */
  readonly splits?: readonly { readonly moduleId: number; readonly weightPercent: number }[];
  /** Versions without traffic that stay loaded and can be pinned. */
  readonly keep?: readonly number[];
  /** What versions are called outside, by module id: HTTP answers name them, and requests may be pinned by them. */
  readonly labels?: Readonly<Record<number, string>>;
}

/** Names that calls go to, each bound to versions. Reads are lock-free; a call keeps the version it was admitted with. */
export class SlotTable {
  constructor();
  /** The same table in another Worker. @throws `STALE_HANDLE` */
  static attach(slotTableId: number): SlotTable;
  readonly id: number;
  /** Replaces one name's assignment in one atomic step. @returns nanoseconds the swap itself took. @throws `STALE_HANDLE`, `INVALID_ARGUMENT` */
  set(name: string, assignmentJson: string): number;
  /** @returns whether it was there. */
  remove(name: string): boolean;
  /** JSON of `SlotAssignment`, or null. */
  get(name: string): string | null;
  names(): string[];
  /** The module a call would go to now. @throws `UNKNOWN_SLOT`, `UNKNOWN_VERSION` */
  choose(name: string, stickyKey?: string | null, versionId?: number): number;
}

// -------------------------------------------------------------------------------------------------------------- dispatcher

/** Measured around one call. */
export interface CallInfo {
  /** Version that answered. */
  readonly moduleId: number;
  readonly queueNs: number;
  readonly instantiateNs: number;
  readonly invokeNs: number;
  readonly memoryPeakBytes: number;
  /** Metered modules only. */
  readonly fuelUsed?: number;
  /** Present when the call was held back by its module's share of a core. */
  readonly throttledNs?: number;
  /** Present when the guest wrote something. Bytes as written, terminal escapes included. */
  readonly stdout?: Uint8Array;
  readonly stderr?: Uint8Array;
  readonly stdoutDroppedBytes?: number;
  readonly stderrDroppedBytes?: number;
}

/** Result of `run`. */
export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly stdoutDroppedBytes: number;
  readonly stderrDroppedBytes: number;
}

/** JSON of `run`, over the module's policy. */
export interface RunOptions {
  /** Replaces the policy's arguments. */
  readonly args?: readonly string[];
  /** Added to the policy's environment; same names are replaced. */
  readonly env?: Readonly<Record<string, string>>;
  /** At most the policy's. */
  readonly timeoutMs?: number;
  /**
   * 'capture' (default): stdin is given, output is kept and handed over. 'inherit': the streams of this process, written through; stdin
   * is ignored, the outcome's output is empty.
   */
  readonly stdio?: 'capture' | 'inherit';
}

/** Flags of a call, added up. */
export interface CallFlags {
  /** 1: the completion carries a `CallInfo` object. */
  readonly info: 1;
  /** 2: it does where the guest wrote something. */
  readonly output: 2;
}

/**
 * Completions, flat, four entries each: `callId, failure, value, info`.
 * - `failure`: `NativeFailure` or undefined.
 * - `value`: result of the call (see each method), undefined on failure.
 * - `info`: `CallInfo` when flag 1 was given, or flag 2 and the guest wrote something; for calls through a slot without the flag the answering module's id; else undefined.
 *   Also present on failures.
 */
export type CompletionBatch = unknown[];

/** How a module sees a function that it imports. */
export interface HostSignature extends Pick<FunctionDescription, 'name' | 'params' | 'results'> {
  /** Arguments come as a message (see `CallableDescription`) instead of an array. */
  readonly packsParams: boolean;
  /** Results may be given as a message instead of an array. */
  readonly packsResults: boolean;
}

/** Flat, four entries each: request id, function index and arguments of a call, or the number of a resource that a guest gave up. */
export type HostEventBatch = readonly unknown[];

/**
 * Functions of this environment that satisfy the imports of modules loaded with it. One table serves one load.
 *
 * Values are converted by the types of the import. Resources of the host are `{ $resource: [0xffffffff, number, 0] }` with numbers that the
 * owner of the table chooses: it keeps what they stand for until an event says that the guest gave it up, or it comes back as `own`.
 */
export class HostFunctions {
  /**
   * @param namesJson `[[interface or core module, function], ...]`; the position is the function's index. Interfaces match with or without
   * their version, functions by their name in WIT or in camelCase.
   * @param onEvents calls that guests on the runtime's threads wait for, and resources given up.
   * @param callHere answers a guest on this thread's own stack with its results; throws with code `NOT_SYNCHRONOUS` if it cannot. With null
   * for arguments: what it answered last did not fit the types, and no guest has it.
   * @param readsMessages false: arguments always come as arrays.
   * @throws `INVALID_ARGUMENT`
   */
  constructor(namesJson: string, onEvents: (batch: HostEventBatch) => void, callHere: (index: number, args: readonly unknown[] | Uint8Array | null) => readonly unknown[] | Uint8Array | undefined, readsMessages: boolean);
  /** JSON of `HostSignature`, once a module that imports the function has been linked. */
  signatureJson(index: number): string | null;
  /**
   * Ends the wait of a guest with an array of results. What does not fit the types fails the guest's call.
   *
   * @returns whether they were taken. If not, no guest has, or will have, the resources among them: it had gone, or they do not fit.
   */
  answer(requestId: number, results: readonly unknown[] | Uint8Array): boolean;
  /** Ends the wait of a guest with a trap. */
  fail(requestId: number, message: string): void;
  /** Fails whoever waits, now and from now on. */
  close(): void;
}

/**
 * This Node environment's way to the runtime's own threads. Make one per environment: it holds one weak thread-safe function, drains at
 * most 256 completions per turn of the event loop, keeps the process alive only while calls are in flight, and cancels its calls when the
 * environment ends.
 */
export class Dispatcher {
  constructor(onBatch: (batch: CompletionBatch) => void);
  readonly pending: number;

  /** Completes with the JSON of `ModuleDescription`. Fails with `INVALID_MODULE`, `MODULE_TOO_LARGE`. @param maxModuleBytes 0: 50 MiB. */
  inspect(callId: number, bytes: Uint8Array, maxModuleBytes: number): void;

  /**
   * Completes with a `ModuleHandle`. Fails with `DIGEST_MISMATCH`, `INVALID_MODULE`, `MODULE_TOO_LARGE`, `COMPILE_FAILED`, `LINK_FAILED`,
   * `TRAP`, `TIMEOUT`, limits (all from the probe too), `CACHE_UNUSABLE`, `IO_FAILED`. A compile cannot be cancelled.
   *
   * @param bytes copied; null when `path` or the cache has them.
   */
  load(callId: number, bytes: Uint8Array | null, optionsJson: string): void;
  /** As `load`, for a module whose imports these functions satisfy. `LINK_FAILED` names each that is missing, with its signature. */
  loadWith(callId: number, bytes: Uint8Array | null, optionsJson: string, host: HostFunctions): void;

  /**
   * Calls one export on a fresh instance; completes with its result: undefined for none, the value for one, an array for several (core).
   *
   * Values: bool boolean; s8-s32, u8-u32, f32, f64, i32 number; s64, u64, i64 bigint (safe integers accepted); char and string string;
   * list<u8> Uint8Array and other numeric lists typed arrays (arrays accepted); list, tuple array; record object with camelCase keys
   * (kebab-case accepted); variant `{ tag, val? }`; enum string; option `T | undefined`, nested options `{ tag: 'some' | 'none', val? }`;
   * result at the top returns its ok value or fails with `GUEST_ERROR`, nested `{ tag: 'ok' | 'err', val? }`; flags object of booleans;
   * v128 Uint8Array(16); resources `ResourceValue`, on opened instances only.
   *
   * @param timeoutMs 0: the policy's; larger values than the policy's are cut to it.
   * @throws `INVALID_ARGUMENT`, `UNKNOWN_EXPORT`, `UNSUPPORTED`, `INPUT_LIMIT`, `QUEUE_FULL`, `STALE_HANDLE`, `CLOSED`, `SIGNAL_HANDLER_REPLACED`
   */
  call(callId: number, module: ModuleHandle, exportIndex: number, args: readonly unknown[], timeoutMs: number, flags: number): void;

  /**
   * As `call`, for a function with a `message`: the first `length` bytes of the buffer are the arguments, and are copied. Completes with the
   * result's message as a `Uint8Array`, or with the result where it is none.
   */
  callMessage(callId: number, module: ModuleHandle, exportIndex: number, buffer: Uint8Array, length: number, timeoutMs: number, flags: number): void;

  /**
   * As `call`, the version chosen by the slot at this moment and held to the end.
   *
   * @param stickyKey equal keys get equal versions while the assignment stands. Null: at random.
   * @param versionId pins one of the slot's versions; 0: none.
   * @throws also `UNKNOWN_SLOT`, `UNKNOWN_VERSION`
   */
  callSlot(callId: number, slots: SlotTable, slot: string, exportName: string, args: readonly unknown[], timeoutMs: number, flags: number, stickyKey: string | null, versionId: number): void;

  /** Runs a WASI command once; completes with a `CommandOutcome`. A trap fails. @throws as `call` */
  run(callId: number, module: ModuleHandle, stdin: Uint8Array | null, optionsJson: string, flags: number): void;

  /** As `run`, the version chosen by the slot. */
  runSlot(callId: number, slots: SlotTable, slot: string, stdin: Uint8Array | null, optionsJson: string, flags: number, stickyKey: string | null, versionId: number): void;

  /** Completes with an `InstanceHandle`. */
  open(callId: number, module: ModuleHandle): void;

  /** As `call`, on an opened instance, after the calls before it. @throws also `QUEUE_FULL` with more than 1,000 waiting */
  callInstance(callId: number, instance: InstanceHandle, exportIndex: number, args: readonly unknown[], timeoutMs: number, flags: number): void;

  /** As `callInstance`, with the arguments' message; see `callMessage`. */
  callInstanceMessage(callId: number, instance: InstanceHandle, exportIndex: number, buffer: Uint8Array, length: number, timeoutMs: number, flags: number): void;

  /** Drops a resource; completes with undefined. */
  dropResource(callId: number, instance: InstanceHandle, resource: ResourceValue): void;

  /**
   * Waits until no call is left on that module, at most `deadlineMs`, then cancels the rest; completes with
   * `{ finished: number; cut: number }`. Admits no other call's fate: take the module out of its slots first.
   */
  drain(callId: number, module: ModuleHandle, deadlineMs: number): void;

  /**
   * Moves the state of the living instance of `from` into a fresh instance of `to`, both with `runtime.stateful`: waits for the calls that
   * were admitted before (at most `patienceMs`), holds those that come after, saves, loads. Calls of `from` go to `to` from then on.
   * Completes with undefined, or with `STATE_REFUSED`; then `from` goes on with its state, unless `details.stateLost`. Cannot be cancelled
   * half-way.
   */
  handOver(callId: number, from: ModuleHandle, to: ModuleHandle, patienceMs: number): void;

  /** The call fails with `CANCELLED`, within one epoch tick (10 ms) if it is computing. @returns whether it was in flight. */
  cancel(callId: number): boolean;

  /** Cancels everything in flight and refuses more with `CLOSED`. Completions still arrive. Idempotent. */
  close(): void;
}

// -------------------------------------------------------------------------------------------------------------------- http

/** JSON of `HttpPlane.listen`; defaults as in `HttpLimits` of `@hotswap/core`. */
export interface HttpListenOptions {
  readonly host?: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
  readonly reusePort?: boolean;
  /** Absent or empty: no TLS. */
  readonly tls?: readonly HttpCertificate[];
  readonly limits?: {
    readonly maxConnections?: number;
    readonly maxInFlight?: number;
    readonly maxHeaderBytes?: number;
    readonly maxUriBytes?: number;
    readonly maxBodyBytes?: number;
    readonly headerTimeoutMs?: number;
    readonly bodyIdleTimeoutMs?: number;
    readonly keepAliveTimeoutMs?: number;
  };
  /** IP addresses and networks (`10.0.0.0/8`); `INVALID_ARGUMENT` for anything else. */
  readonly trustedProxies?: readonly string[];
}

/** JSON of `HttpPlane.setCertificates` is an array of these. */
export interface HttpCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  readonly serverNames?: readonly string[];
}

/** JSON of `HttpPlane.setRoutes` is an array of these. */
export interface HttpRoute {
  /** Null: JavaScript answers. */
  readonly slot: string | null;
  readonly hosts: readonly string[];
  readonly pathPrefix: string;
  readonly stripPrefix: boolean;
  readonly access: 'public' | 'authorized';
  /** Null: the client's address. */
  readonly affinity: { readonly header: string } | { readonly cookie: string } | null;
  readonly limits?: { readonly maxBodyBytes?: number; readonly timeoutMs?: number; readonly maxInFlight?: number };
}

/** What the plane asks of JavaScript. */
export interface HttpPlaneOptions {
  /** Events of kind `request` are wanted; else such requests are answered 404. */
  readonly fallback: boolean;
  /** Events of kind `authorize` are wanted; else `authorized` routes are answered 401. */
  readonly authorize: boolean;
  /** Events of kind `access` are wanted. */
  readonly access: boolean;
  /** Events of kind `output` are wanted. */
  readonly output: boolean;
}

/** Kinds of events, the first of the four entries of each. */
export interface HttpEventKinds {
  /** An asynchronous method has ended: `callId, NativeFailure | undefined, JSON | undefined`. */
  readonly completed: 0;
  /**
   * A request for JavaScript: `requestId, head, hasBody`. The head is a flat array of texts: method, path and query, authority, scheme, remote
   * address, then name and value of each header. Header values are decoded as Latin-1.
   */
  readonly request: 1;
  /** A piece of a request's body: `requestId, Uint8Array, undefined`. At most 256 KiB arrive beyond what `readMore` has acknowledged. */
  readonly bodyChunk: 2;
  /** The body has ended: `requestId, reason | undefined, undefined`. A reason says why it is not whole. */
  readonly bodyEnd: 3;
  /** A streamed answer may be written again: `requestId, undefined, undefined`. */
  readonly writable: 4;
  /** The request is over, nothing follows: `requestId, isAborted, undefined`. Not sent for requests that `respond` answered as a whole. */
  readonly over: 5;
  /** Whether a request with an unknown `authorization` is let in: `askId, head, undefined`. Wants `authorized`. */
  readonly authorize: 6;
  /** Answered requests: `0, JSON of HttpAccessRecord[], undefined`. */
  readonly access: 7;
  /** What guests wrote to their standard streams: `0, JSON of HttpOutputRecord[], undefined`. */
  readonly output: 8;
}

/** Events, flat, four entries each. */
export type HttpEventBatch = unknown[];

/**
 * Listeners of this environment that serve slots without crossing into JavaScript. Holds one weak thread-safe function, keeps the process
 * alive only while a listener is open, and closes its listeners when the environment ends.
 */
export class HttpPlane {
  /** @throws `INVALID_ARGUMENT`, `INTERNAL` */
  constructor(slots: SlotTable, optionsJson: string, onBatch: (batch: HttpEventBatch) => void);
  /** Completes with the JSON of `{ listenerId: number, port: number }`. Fails with `LISTEN_FAILED`, `INVALID_ARGUMENT`, `CLOSED`. */
  listen(callId: number, optionsJson: string): void;
  /** Replaces all routes of a listener in one atomic step. @throws `INVALID_ARGUMENT`, `STALE_HANDLE` */
  setRoutes(listenerId: number, routesJson: string): void;
  /** Replaces all certificates of a listener. @throws `INVALID_ARGUMENT`, `STALE_HANDLE` */
  setCertificates(listenerId: number, certificatesJson: string): void;
  /** Completes with the JSON of `{ finished: number, cut: number }`. @throws `STALE_HANDLE` */
  closeListener(callId: number, listenerId: number, deadlineMs: number): void;
  /** As `closeListener`, for all listeners; nothing can be opened any more. Idempotent. */
  close(callId: number, deadlineMs: number): void;
  /** JSON of `HttpPlaneStats` of `@hotswap/core`, latencies as `{ "<bucket>": count }`. */
  statsJson(): string;
  /** Closes everything at once, without an event. Idempotent. */
  dispose(): void;
  /**
   * Answers a request. With a body (empty ones too) that is all of it, and no event of that request follows; with null the answer is
   * streamed by `write` and `end`. Requests that are over are ignored.
   *
   * @param headers flat: name, value. Values are encoded as Latin-1.
   * @returns whether the request was there to be answered.
   * @throws `INVALID_ARGUMENT` for a status or header that HTTP does not know; the request waits on.
   */
  respond(requestId: number, status: number, headers: readonly string[], body: Uint8Array | string | null): boolean;
  /** Adds to a streamed answer. @returns false when nothing more should be written before the event `writable` or `over`. */
  write(requestId: number, chunk: Uint8Array): boolean;
  /** Ends a streamed answer. */
  end(requestId: number): void;
  /** Cuts the connection of a request: its client sees that the answer is not whole. */
  abort(requestId: number): void;
  /** So many bytes of the request's body were taken. */
  readMore(requestId: number, sizeBytes: number): void;
  /** The rest of the request's body is not wanted. */
  discardBody(requestId: number): void;
  /** Answers an event `authorize`. @param validUntilMs Unix milliseconds until which the answer may be kept; negative: not let in. */
  authorized(askId: number, validUntilMs: number): void;
}
