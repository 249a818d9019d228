import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  errorFactory,
  type ErrorFactory,
  type CallOptions,
  type CallResult,
  type CommandOptions,
  type CommandResult,
  type FunctionSignature,
  type HotSwapError,
  type LoadOptions,
  type LoadedModule,
  type ModuleDescription,
  type ModuleInstance,
  type ModuleSource,
  type ModuleStats,
  type RuntimeCapabilities,
  type RuntimeHost,
  type SlotAssignment,
  type SlotCall,
  type SlotResult,
  type SlotTable,
  type WitValue,
} from '@hotswap/core';

/** Codes of a runtime, as the contract names them. */
const fakeRuntimeErrorCodes = {
  HS_RUNTIME_INVALID_MODULE: { message: 'The bytes are no module', httpStatus: 422 },
  HS_RUNTIME_DIGEST_MISMATCH: { message: 'The bytes have another digest', httpStatus: 422 },
  HS_RUNTIME_LINK_FAILED: { message: 'The import {imports} is missing', httpStatus: 422 },
  HS_RUNTIME_TRAP: { message: 'The module trapped', httpStatus: 422 },
  HS_RUNTIME_TIMEOUT: { message: 'The call took too long', httpStatus: 504 },
  HS_RUNTIME_QUEUE_FULL: { message: 'Too many calls wait', httpStatus: 503, retryable: true },
  HS_RUNTIME_GUEST_ERROR: { message: 'The function answered an error', httpStatus: 422 },
  HS_RUNTIME_NO_SLOT: { message: 'There is no slot {slot}', httpStatus: 404 },
  HS_RUNTIME_NO_VERSION: { message: 'The slot does not hold {version}', httpStatus: 421 },
  HS_RUNTIME_CLOSED: { message: 'The module is closed', httpStatus: 503 },
  HS_RUNTIME_STATE_REFUSED: { message: 'The state was refused', httpStatus: 409 },
  HS_RUNTIME_CANCELLED: { message: 'The call was cancelled', httpStatus: 499 },
} as const;

/** Makes them. */
export const fakeRuntimeError: ErrorFactory<typeof fakeRuntimeErrorCodes> = errorFactory(fakeRuntimeErrorCodes);

/** What a fake module does. */
export interface FakeModule {
  readonly functions?: Readonly<
    Record<string, (args: readonly WitValue[], options: CallOptions) => WitValue | Promise<WitValue>>
  >;
  readonly signatures?: readonly FunctionSignature[];
  readonly kind?: 'core' | 'component';
  readonly command?: (options: CommandOptions) => { readonly exitCode: number; readonly stdout: string };
  /** Loading waits for it. */
  readonly loading?: Promise<void>;
  readonly loadError?: HotSwapError;
  /** Of each call. */
  readonly fuelUsed?: number;
  /** Keeps state that it gives to others. */
  readonly handOver?: (to: LoadedModule) => Promise<void>;
}

/** An in-memory runtime: modules are known by the digest of their bytes. */
export class FakeRuntimeHost implements RuntimeHost {
  readonly name = 'fake';
  readonly version = '1.0.0';
  readonly capabilities: RuntimeCapabilities = {
    components: true,
    wasi: ['preview1'],
    experimental: [],
    synchronous: false,
    cpuLimit: true,
    memoryLimit: true,
    fuel: false,
    pooling: false,
    backtraces: false,
    aotCache: false,
    statefulInstances: false,
    http: false,
    outgoingHttp: false,
    sockets: false,
    hostFunctions: false,
    instanceReuse: false,
    moduleState: true,
    moduleMetrics: false,
    boundedCompilation: false,
    simd: false,
  };
  readonly slots: FakeSlotTable = new FakeSlotTable();
  /** Loads that ended well, in order, by digest. */
  readonly loaded: string[] = [];
  readonly open: Set<FakeLoadedModule> = new Set();
  loadsRunning = 0;
  mostLoadsRunning = 0;
  readonly #modules = new Map<string, FakeModule>();
  readonly #read: (bytes: Buffer) => FakeModule | undefined;

  /** @param read what modules do that were not defined, by their bytes */
  constructor(read: (bytes: Buffer) => FakeModule | undefined = () => undefined) {
    this.#read = read;
  }

  /** @returns bytes and digest under which the module is known from now on */
  define(
    name: string,
    module: FakeModule = {},
  ): { readonly bytes: Buffer; readonly digest: string; readonly sizeBytes: number } {
    const bytes = Buffer.from(`fake module ${name}`);
    const digest = createHash('sha256').update(bytes).digest('hex');
    this.#modules.set(digest, module);
    return { bytes, digest, sizeBytes: bytes.byteLength };
  }

  async inspect(): Promise<ModuleDescription> {
    throw fakeRuntimeError('HS_RUNTIME_INVALID_MODULE');
  }

  async load(source: ModuleSource, _options?: LoadOptions): Promise<LoadedModule> {
    this.mostLoadsRunning = Math.max(this.mostLoadsRunning, ++this.loadsRunning);
    try {
      const bytes = 'path' in source ? await readFile(source.path) : Buffer.from(source.bytes);
      const digest = createHash('sha256').update(bytes).digest('hex');
      if (source.digest !== undefined && digest !== source.digest) throw fakeRuntimeError('HS_RUNTIME_DIGEST_MISMATCH');
      const module = this.#modules.get(digest) ?? this.#read(bytes);
      if (module === undefined) throw fakeRuntimeError('HS_RUNTIME_INVALID_MODULE');
      await module.loading;
      if (module.loadError !== undefined) throw module.loadError;
      const loaded = new FakeLoadedModule(digest, module, () => this.open.delete(loaded));
      this.open.add(loaded);
      this.loaded.push(digest);
      return loaded;
    } finally {
      this.loadsRunning--;
    }
  }

  createSlotTable(): SlotTable {
    return this.slots;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const module of this.open) await module[Symbol.asyncDispose]();
  }
}

export class FakeLoadedModule implements LoadedModule {
  readonly description: ModuleDescription;
  readonly digest: string;
  readonly #module: FakeModule;
  readonly #onClose: () => void;
  readonly #running = new Set<Promise<unknown>>();
  readonly handOver?: (to: LoadedModule) => Promise<void>;
  isClosed = false;
  peakMemoryBytes = 0;
  memoryRefusals = 0;

  constructor(digest: string, module: FakeModule, onClose: () => void) {
    this.digest = digest;
    this.#module = module;
    this.#onClose = onClose;
    if (module.handOver !== undefined) this.handOver = module.handOver;
    const functions =
      module.signatures ?? Object.keys(module.functions ?? {}).map((name) => ({ name, params: [], result: 'string' }));
    this.description = {
      kind: module.kind ?? 'component',
      wasiLevel: 'none',
      sizeBytes: 0,
      imports: [],
      exports: [],
      functions,
      isCommand: module.command !== undefined,
      servesHttp: null,
    };
  }

  async invoke(name: string, args: readonly WitValue[], options: CallOptions = {}): Promise<CallResult> {
    if (this.isClosed) throw fakeRuntimeError('HS_RUNTIME_CLOSED');
    const fn = this.#module.functions?.[name];
    if (fn === undefined) throw fakeRuntimeError('HS_RUNTIME_INVALID_MODULE');
    const { fuelUsed } = this.#module;
    const fuel = fuelUsed === undefined ? {} : { fuelUsed };
    return this.#track((async () => ({ value: await fn(args, options), durationMs: 0, ...fuel }))());
  }

  async run(options: CommandOptions = {}): Promise<CommandResult> {
    const { exitCode, stdout } = this.#module.command?.(options) ?? { exitCode: 0, stdout: '' };
    return { exitCode, stdout: Buffer.from(stdout), stderr: new Uint8Array(), droppedBytes: 0, durationMs: 0 };
  }

  async open(): Promise<ModuleInstance> {
    throw fakeRuntimeError('HS_RUNTIME_CLOSED');
  }

  stats(): ModuleStats {
    return {
      calls: 0,
      errors: 0,
      crashes: 0,
      inFlight: this.#running.size,
      peakMemoryBytes: this.peakMemoryBytes,
      memoryRefusals: this.memoryRefusals,
      fuelUsed: 0,
      throttledMs: 0,
      metrics: {},
    };
  }

  async drained(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true;
    this.#onClose();
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }
}

export class FakeSlotTable implements SlotTable {
  readonly held: Map<string, SlotAssignment> = new Map();
  /** Every assignment in order, as `name release:weight ...`. */
  readonly history: string[] = [];

  set(name: string, assignment: SlotAssignment): void {
    this.held.set(name, assignment);
    const versions = [...assignment.versions].map(([id, { weight, module }]) => {
      if ((module as FakeLoadedModule).isClosed) throw fakeRuntimeError('HS_RUNTIME_CLOSED');
      return `${id}:${weight}`;
    });
    this.history.push([name, ...versions].join(' '));
  }

  remove(name: string): void {
    this.held.delete(name);
    this.history.push(`${name} removed`);
  }

  /** What takes traffic, as `release:weight`, sorted. */
  serving(name: string): readonly string[] {
    return [...(this.held.get(name)?.versions ?? [])]
      .filter(([, { weight }]) => weight > 0)
      .map(([id, { weight }]) => `${id}:${weight}`)
      .sort();
  }

  async invoke(
    name: string,
    fn: string,
    args: readonly WitValue[],
    call: SlotCall = {},
  ): Promise<SlotResult<CallResult>> {
    const { version, module } = this.#choose(name, call);
    return { version, result: await module.invoke(fn, args, call) };
  }

  async run(name: string, options: CommandOptions & SlotCall): Promise<SlotResult<CommandResult>> {
    const { version, module } = this.#choose(name, options);
    return { version, result: await module.run(options) };
  }

  async drain(module: LoadedModule): Promise<{ readonly finished: number; readonly cut: number }> {
    await (module as FakeLoadedModule).drained();
    return { finished: 0, cut: 0 };
  }

  #choose(name: string, call: SlotCall): { readonly version: string; readonly module: LoadedModule } {
    const slot = this.held.get(name);
    if (slot === undefined) throw fakeRuntimeError('HS_RUNTIME_NO_SLOT', { slot: name });
    const version = call.version ?? [...slot.versions].find(([, { weight }]) => weight > 0)?.[0];
    const module = version === undefined ? undefined : slot.versions.get(version)?.module;
    if (version === undefined || module === undefined)
      throw fakeRuntimeError('HS_RUNTIME_NO_VERSION', { version: version ?? 'any' });
    return { version, module };
  }
}
