import type { ModuleDescription } from '../model/module.ts';
import type { HttpPlane, HttpPlaneOptions } from './http-plane.ts';
import type { LoadedModule, LoadOptions, ModuleSource } from './loaded-module.ts';
import type { SlotTable } from './slot-table.ts';

/**
 * What a runtime can do, as data: selectors choose nodes by it, documents show it, the contract suite skips by it.
 * @public
 */
export interface RuntimeCapabilities {
  readonly components: boolean;
  readonly wasi: readonly ('preview1' | 'preview2' | 'preview3')[];
  /** What works but may still change, such as `preview3`. */
  readonly experimental: readonly string[];
  /** `invokeSync` exists for modules without imports. */
  readonly synchronous: boolean;
  /** Endless loops are ended by time. */
  readonly cpuLimit: boolean;
  /** Memory is limited over all memories of an instance. */
  readonly memoryLimit: boolean;
  readonly fuel: boolean;
  readonly pooling: boolean;
  /** Traps carry the guest's call stack. */
  readonly backtraces: boolean;
  /** Compiled code is kept between processes. */
  readonly aotCache: boolean;
  /** `open` keeps an instance between calls. */
  readonly statefulInstances: boolean;
  /** `createHttpPlane` exists: modules answer HTTP requests without crossing into JavaScript. */
  readonly http: boolean;
  /** Guests may send HTTP requests, governed by {@link NetworkPolicy}. */
  readonly outgoingHttp: boolean;
  /** Guests may open sockets, governed by {@link NetworkPolicy}. */
  readonly sockets: boolean;
  /** {@link LoadOptions.imports}: JavaScript functions satisfy a guest's imports. */
  readonly hostFunctions: boolean;
  /** `runtime.reuse` keeps instances for further calls. */
  readonly instanceReuse: boolean;
  /** `handOver` moves the state of a stateful module to its next version. */
  readonly moduleState: boolean;
  /** Metrics that modules report reach {@link ModuleStats.metrics}. */
  readonly moduleMetrics: boolean;
  /** Compilation of untrusted code is bounded in time and memory. */
  readonly boundedCompilation: boolean;
  /** `runtime.simd: false` refuses modules that use SIMD instructions. */
  readonly simd: boolean;
}

/**
 * A WebAssembly runtime.
 * @public
 */
export interface RuntimeHost extends AsyncDisposable {
  readonly name: string;
  /** Version of the engine itself, as nodes report it. */
  readonly version: string;
  readonly capabilities: RuntimeCapabilities;
  /**
   * Describes a binary without running it.
   * @throws HS_RUNTIME_INVALID_MODULE on anything that is not a valid module or component.
   */
  inspect(bytes: Uint8Array): Promise<ModuleDescription>;
  /**
   * Verifies, compiles or takes from the cache, links against the policy and warms.
   * @throws HS_RUNTIME_INVALID_MODULE, HS_RUNTIME_DIGEST_MISMATCH, HS_RUNTIME_LINK_FAILED (names the import),
   * HS_RUNTIME_TRAP (start function), HS_RUNTIME_INVALID_ARGUMENT (with the option's path), HS_RUNTIME_UNSUPPORTED (with the
   * missing `capability`, where an option asks for one)
   */
  load(source: ModuleSource, options?: LoadOptions): Promise<LoadedModule>;
  /** A table of slots for hot swapping. */
  createSlotTable(): SlotTable;
  /** Serves slots by HTTP; only with the capability `http`. */
  createHttpPlane?(options: HttpPlaneOptions): Promise<HttpPlane>;
}
