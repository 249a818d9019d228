import {
  type HttpPlane,
  type HttpPlaneOptions,
  type LoadOptions,
  type LoadedModule,
  type ModuleDescription,
  type ModuleSource,
  type RuntimeCapabilities,
  type RuntimeHost,
  type SlotTable,
  isHotSwapError,
} from '@hotswap/core';
import type {
  LoadOptions as NativeLoadOptions,
  ModuleDescription as NativeDescription,
  ModuleHandle,
  RuntimeInfo,
} from '../binding.d.ts';
import { type CompileCache, openCompileCache } from './compile-cache.ts';
import { CompletionQueue } from './completion-queue.ts';
import { describeModule } from './describe-module.ts';
import { runtimeError } from './error-codes.ts';
import { WasmtimeHttpPlane } from './http-plane.ts';
import { HostFunctionTable } from './host-function-table.ts';
import { type NativeBinding, compilerCommand, loadNativeBinding } from './load-native-binding.ts';
import { mapNativeError } from './map-native-error.ts';
import { modulePolicy } from './module-policy.ts';
import { WasmtimeModule } from './wasmtime-module.ts';
import { type ResolvedOptions, type WasmtimeOptions, resolveOptions } from './wasmtime-options.ts';
import { WasmtimeSlotTable } from './wasmtime-slot-table.ts';

/** A host of Wasmtime: it always serves HTTP. @public */
export type WasmtimeHost = RuntimeHost & Required<Pick<RuntimeHost, 'createHttpPlane'>>;

/**
 * Starts a Wasmtime runtime host. Engines, threads and the pool of instances exist once per process, however many hosts
 * and Workers use them; a host owns the modules that it loads.
 * @throws HS_RUNTIME_NATIVE_MISSING, HS_RUNTIME_INVALID_OPTIONS, HS_RUNTIME_CACHE_UNUSABLE
 * @example examples are in the README, which a test runs
 * @public
 */
export async function wasmtime(options: WasmtimeOptions = {}): Promise<WasmtimeHost> {
  const resolved = resolveOptions(options);
  const native = loadNativeBinding();
  const cache = resolved.cacheDirectory === false ? undefined : await openCompileCache(resolved.cacheDirectory);
  try {
    const info = native.initialize(JSON.stringify(resolved.engine));
    if (resolved.experimental.includes('preview3') && !info.wasi.preview3)
      throw runtimeError('HS_RUNTIME_INVALID_OPTIONS', {
        option: 'experimental',
        why: 'this build of the addon was made without WASI 0.3 (the feature `wasi03`)',
      });
    return new WasmtimeRuntimeHost(native, info, resolved, cache);
  } catch (error) {
    throw isHotSwapError(error) ? error : mapNativeError(error);
  }
}

/** @internal */
class WasmtimeRuntimeHost implements RuntimeHost {
  readonly name = 'wasmtime';
  readonly version: string;
  readonly capabilities: RuntimeCapabilities;
  readonly #native: NativeBinding;
  readonly #queue: CompletionQueue;
  readonly #options: ResolvedOptions;
  readonly #cache: CompileCache | undefined;
  readonly #modules = new Set<WasmtimeModule>();
  readonly #planes = new Set<WasmtimeHttpPlane>();
  #closing: Promise<void> | undefined;

  constructor(native: NativeBinding, info: RuntimeInfo, options: ResolvedOptions, cache: CompileCache | undefined) {
    this.#native = native;
    this.version = info.wasmtimeVersion;
    this.capabilities = capabilitiesOf(info, options, cache !== undefined);
    this.#queue = new CompletionQueue(native);
    this.#options = options;
    this.#cache = cache;
  }

  async inspect(bytes: Uint8Array): Promise<ModuleDescription> {
    this.#assertOpen();
    const { value } = await this.#queue.submit((dispatcher, callId) => {
      dispatcher.inspect(callId, bytes, this.#options.maxModuleBytes);
    });
    return describeModule(JSON.parse(value as string) as NativeDescription);
  }

  async load(source: ModuleSource, options: LoadOptions = {}): Promise<LoadedModule> {
    this.#assertOpen();
    // The addon reads, copies and hashes: memory of this side's own would have it collected again and again, for milliseconds each.
    const bytes = 'bytes' in source ? source.bytes : null;
    const native: NativeLoadOptions = {
      verify: true,
      ...(source.digest === undefined ? {} : { digest: `sha256:${source.digest}` }),
      ...('path' in source ? { path: source.path } : {}),
      policy: modulePolicy(options, this.#options),
      maxModuleBytes: this.#options.maxModuleBytes,
      experimental: this.#options.experimental,
      ...(options.probe === undefined ? {} : { probe: options.probe }),
      ...(this.#cache === undefined ? {} : { cache: this.#cache }),
      ...(this.#options.compile === 'child' ? { compiler: { command: compilerCommand() } } : {}),
    };
    const functions = options.imports === undefined ? undefined : new HostFunctionTable(this.#native, options.imports);
    try {
      const { value } = await this.#queue.submit((dispatcher, callId) => {
        if (functions === undefined) dispatcher.load(callId, bytes, JSON.stringify(native));
        else dispatcher.loadWith(callId, bytes, JSON.stringify(native), functions.native);
      });
      const handle = value as ModuleHandle;
      const module = new WasmtimeModule(
        handle,
        handle.digest.slice('sha256:'.length),
        this.#queue,
        (closed) => {
          this.#modules.delete(closed);
        },
        functions,
      );
      this.#modules.add(module);
      return module;
    } catch (error) {
      functions?.close();
      throw error;
    }
  }

  createSlotTable(): SlotTable {
    this.#assertOpen();
    return new WasmtimeSlotTable(this.#native);
  }

  async createHttpPlane(options: HttpPlaneOptions): Promise<HttpPlane> {
    this.#assertOpen();
    const plane = new WasmtimeHttpPlane(this.#native, options, (closed) => this.#planes.delete(closed));
    this.#planes.add(plane);
    return plane;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#planes].map((plane) => plane[Symbol.asyncDispose]()));
    await this.#queue.close();
    await Promise.all([...this.#modules].map((module) => module[Symbol.asyncDispose]()));
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw runtimeError('HS_RUNTIME_CLOSED', { what: 'runtime host' });
  }
}

function capabilitiesOf(
  { pool, wasi }: { readonly pool: Pick<RuntimeInfo['pool'], 'enabled'>; readonly wasi: RuntimeInfo['wasi'] },
  { compile, experimental }: Pick<ResolvedOptions, 'compile' | 'experimental'>,
  aotCache: boolean,
): RuntimeCapabilities {
  return {
    components: true,
    wasi: [
      ...(wasi.preview1 ? (['preview1'] as const) : []),
      ...(wasi.preview2 ? (['preview2'] as const) : []),
      ...experimental.filter((name) => name === 'preview3'),
    ],
    experimental,
    synchronous: true,
    cpuLimit: true,
    memoryLimit: true,
    fuel: true,
    pooling: pool.enabled,
    backtraces: true,
    aotCache,
    statefulInstances: true,
    http: true,
    outgoingHttp: true,
    sockets: true,
    hostFunctions: true,
    instanceReuse: true,
    moduleState: true,
    moduleMetrics: true,
    boundedCompilation: compile === 'child',
    simd: true,
  };
}

/**
 * What the Wasmtime runtime can do with its default options, known without starting it. A host reports what is true of its
 * own options and of the machine: no pool where there is no room for it.
 * @public
 */
export const wasmtimeCapabilities: RuntimeCapabilities = capabilitiesOf(
  { pool: { enabled: true }, wasi: { preview1: true, preview2: true, preview3: false } },
  { compile: 'in-process', experimental: [] },
  true,
);
