import {
  checkCapabilities,
  httpServingOf,
  loadLimits,
  sha256Hex,
  type CallOptions,
  type CallResult,
  type Digest,
  type FunctionSignature,
  type LoadedModule,
  type LoadOptions,
  type ModuleDescription,
  type ModuleInstance,
  type ModuleSource,
  type ModuleStats,
  type RuntimeCapabilities,
  type RuntimeHost,
  type SlotTable,
  type WitValue,
} from '@hotswap/core';
import { fakeError } from './testing-errors.ts';
import { V8SlotTable } from './v8-slot-table.ts';
import { readWasmSections } from './wasm-sections.ts';

type ExportedFunction = (...args: readonly unknown[]) => unknown;

/** The part of the engine's own WebAssembly API that is used here; the compiler's libraries do not declare it. */
interface EngineWebAssembly {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly RuntimeError: new () => Error;
}
const engine = (globalThis as unknown as { readonly WebAssembly: EngineWebAssembly }).WebAssembly;

const underscored = (name: string): string => name.replaceAll('-', '_');

/**
 * Core modules without imports on the JavaScript engine's own WebAssembly: no limits, no WASI, no isolation from the
 * caller's thread. For tests of what surrounds a runtime.
 * @public
 */
export class V8RuntimeHost implements RuntimeHost {
  readonly name = 'v8';
  readonly version = '1';
  readonly capabilities: RuntimeCapabilities = {
    components: false,
    wasi: [],
    experimental: [],
    synchronous: true,
    cpuLimit: false,
    memoryLimit: false,
    fuel: false,
    pooling: false,
    backtraces: false,
    aotCache: false,
    statefulInstances: true,
    http: false,
    outgoingHttp: false,
    sockets: false,
    hostFunctions: false,
    instanceReuse: false,
    moduleState: false,
    moduleMetrics: false,
    boundedCompilation: false,
    simd: false,
  };

  async inspect(bytes: Uint8Array): Promise<ModuleDescription> {
    if (!engine.validate(bytes)) throw fakeError('HS_RUNTIME_INVALID_MODULE', { reason: 'it does not validate' });
    const sections = readWasmSections(bytes);
    const usesWasi = sections.imports.some(({ name }) => name.startsWith('wasi_snapshot_preview1.'));
    const described = {
      kind: 'core',
      wasiLevel: usesWasi ? 'preview1' : 'none',
      sizeBytes: bytes.length,
      ...sections,
      isCommand: sections.functions.some(({ name }) => name === '_start'),
    } as const;
    return { ...described, servesHttp: httpServingOf(described) };
  }

  async load(source: ModuleSource, options: LoadOptions = {}): Promise<LoadedModule> {
    if (!('bytes' in source)) throw fakeError('HS_RUNTIME_UNSUPPORTED', { feature: 'files' });
    loadLimits(options, { mostOutputBytes: Number.MAX_SAFE_INTEGER });
    checkCapabilities(options, this.capabilities);
    if (isComponent(source.bytes)) throw fakeError('HS_RUNTIME_UNSUPPORTED', { feature: 'components' });
    const description = await this.inspect(source.bytes);
    const actual = await sha256Hex(new Uint8Array(source.bytes));
    if (source.digest !== undefined && source.digest !== actual)
      throw fakeError('HS_RUNTIME_DIGEST_MISMATCH', { actual, expected: source.digest });
    if (description.imports.length > 0)
      throw fakeError('HS_RUNTIME_LINK_FAILED', { imports: description.imports.map(({ name }) => name).join(', ') });
    const module = new V8LoadedModule(source.bytes, actual, description);
    if (options.probe !== false) module.instantiate();
    return module;
  }

  createSlotTable(): SlotTable {
    return new V8SlotTable();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
  }
}

/** The version of a component's header has a layer of 1. */
const isComponent = (bytes: Uint8Array): boolean => bytes.length >= 8 && bytes[6] === 1;

class V8LoadedModule implements LoadedModule {
  readonly digest: Digest;
  readonly description: ModuleDescription;
  readonly #module: object;
  readonly #counts = { calls: 0, errors: 0, crashes: 0, inFlight: 0 };
  #closed = false;

  constructor(bytes: Uint8Array, digest: Digest, description: ModuleDescription) {
    this.#module = new engine.Module(bytes);
    this.digest = digest;
    this.description = description;
  }

  async invoke(name: string, args: readonly WitValue[], options: CallOptions = {}): Promise<CallResult> {
    this.#counts.inFlight++;
    try {
      await Promise.resolve();
      const startedAt = performance.now();
      const value = this.invokeSync(name, args, options);
      return { value, durationMs: performance.now() - startedAt };
    } finally {
      this.#counts.inFlight--;
    }
  }

  invokeSync(name: string, args: readonly WitValue[], _options?: Omit<CallOptions, 'signal'>): WitValue {
    return this.call(this.instantiate(), name, args);
  }

  async run(): Promise<never> {
    throw fakeError('HS_RUNTIME_NOT_A_COMMAND');
  }

  async open(): Promise<ModuleInstance> {
    return new V8Instance(this);
  }

  stats(): ModuleStats {
    return { ...this.#counts, peakMemoryBytes: 0, memoryRefusals: 0, fuelUsed: 0, throttledMs: 0, metrics: {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
  }

  instantiate(): Readonly<Record<string, unknown>> {
    if (this.#closed) throw fakeError('HS_RUNTIME_CLOSED', { what: 'module' });
    try {
      return new engine.Instance(this.#module, {}).exports;
    } catch (thrown) {
      throw trapOf(thrown);
    }
  }

  call(exports: Readonly<Record<string, unknown>>, name: string, args: readonly WitValue[]): WitValue {
    const called = this.description.functions.find((signature) => underscored(signature.name) === underscored(name));
    if (!called) throw fakeError('HS_RUNTIME_UNKNOWN_EXPORT', { export: name });
    checkArguments(called, args);
    this.#counts.calls++;
    try {
      return (exports[called.name] as ExportedFunction)(...args) as WitValue;
    } catch (thrown) {
      this.#counts.errors++;
      if (thrown instanceof engine.RuntimeError) this.#counts.crashes++;
      throw trapOf(thrown);
    }
  }
}

function trapOf(thrown: unknown): unknown {
  return thrown instanceof engine.RuntimeError
    ? fakeError('HS_RUNTIME_TRAP', { trap: thrown.message }, thrown)
    : thrown;
}

function checkArguments({ params }: FunctionSignature, args: readonly WitValue[]): void {
  if (args.length !== params.length)
    throw fakeError('HS_RUNTIME_INVALID_ARGUMENT', { path: 'args', expected: `${params.length} values` });
  params.forEach(({ type }, n) => {
    const wanted = type === 'i64' ? 'bigint' : 'number';
    if (typeof args[n] !== wanted)
      throw fakeError('HS_RUNTIME_INVALID_ARGUMENT', { path: `args[${n}]`, expected: wanted });
  });
}

class V8Instance implements ModuleInstance {
  readonly #module: V8LoadedModule;
  #exports: Readonly<Record<string, unknown>> | null;

  constructor(module: V8LoadedModule) {
    this.#module = module;
    this.#exports = module.instantiate();
  }

  async invoke(name: string, args: readonly WitValue[]): Promise<CallResult> {
    if (!this.#exports) throw fakeError('HS_RUNTIME_STALE_HANDLE');
    try {
      return { value: this.#module.call(this.#exports, name, args), durationMs: 0 };
    } catch (thrown) {
      this.#exports = null;
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#exports = null;
  }
}
