import { readFile } from 'node:fs/promises';
import {
  type Digest,
  type LoadOptions,
  type LoadedModule,
  type ModuleDescription,
  type ModuleSource,
  type RuntimeCapabilities,
  type RuntimeHost,
  type SlotTable,
  httpServingOf,
  sha256Hex,
} from '@hotswap/core';
import type { HelloMessage, Reply, WireDescription } from './child-messages.ts';
import { ChildModule } from './child-module.ts';
import { type ChildRuntimeOptions, type ResolvedChildOptions, resolveChildOptions } from './child-options.ts';
import { childCapabilities } from './child-capabilities.ts';
import type { EngineLaunch, HostLaunch } from './engine-launch.ts';
import { EngineProcess } from './engine-process.ts';
import { runtimeChildError } from './error-codes.ts';
import { errorOfFailure } from './error-of-failure.ts';
import { InstanceLanes } from './instance-lanes.ts';
import { type ModulePolicy, modulePolicy } from './module-policy.ts';
import type { ModuleCode } from './pending-call.ts';
import { ModuleSlotTable } from './module-slot-table.ts';
import { ProcessPool } from './process-pool.ts';
import { UnheardEnds } from './unheard-ends.ts';

/**
 * Starts a runtime host over an engine in child processes. The first child is started now, so that an engine that is not
 * there is known before any module is.
 * @throws HS_RUNTIME_CHILD_INVALID_OPTIONS, HS_RUNTIME_CHILD_FAILED, and the engine's own refusals
 * @public
 */
export async function childRuntimeHost(
  launch: Omit<EngineLaunch, 'maxProcessMemoryBytes'>,
  options: ChildRuntimeOptions = {},
): Promise<RuntimeHost> {
  const resolved = resolveChildOptions(launch.engine, options);
  const maxProcessMemoryBytes = resolved.maxProcessMemoryMB * 1_048_576;
  const bounded = { ...launch, maxProcessMemoryBytes, unheardEnds: new UnheardEnds(launch.engine) };
  const { process, hello } = await EngineProcess.start(bounded);
  return new ChildRuntimeHost(bounded, resolved, hello, process);
}

/** @internal */
class ChildRuntimeHost implements RuntimeHost {
  readonly name: string;
  readonly version: string;
  readonly capabilities: RuntimeCapabilities;
  readonly #launch: HostLaunch;
  readonly #options: ResolvedChildOptions;
  readonly #pool: ProcessPool;
  readonly #lanes: InstanceLanes;
  readonly #modules = new Set<ChildModule>();
  #nextModule = 1;
  #closing: Promise<void> | undefined;

  constructor(launch: HostLaunch, options: ResolvedChildOptions, hello: HelloMessage, first: EngineProcess) {
    const { processes, maxPendingCalls, maxOpenInstances, ...limits } = options;
    this.name = hello.engine;
    this.version = hello.version;
    this.capabilities = childCapabilities(hello.capabilities);
    this.#launch = launch;
    this.#options = options;
    this.#pool = new ProcessPool({ launch, processes, maxPendingCalls, limits }, first);
    this.#lanes = new InstanceLanes(launch, maxOpenInstances, limits);
  }

  async inspect(bytes: Uint8Array): Promise<ModuleDescription> {
    this.#assertOpen();
    this.#checkSize(bytes);
    const request = { message: () => ({ do: 'inspect' }) as const, attached: new Uint8Array(bytes) };
    return this.#description(await this.#pool.submit({ ...request, ...this.#loadLimit() }));
  }

  async load(source: ModuleSource, options: LoadOptions = {}): Promise<LoadedModule> {
    this.#assertOpen();
    const policy = modulePolicy(options, this.capabilities);
    const { bytes, digest } = await this.#verifiedBytes(source);
    this.#assertOpen();
    const code = { id: this.#nextModule++, bytes, policy: policy.wire };
    try {
      const description = this.#description(await this.#pool.submit({ code, ...this.#loadLimit() }));
      if (options.probe !== false) await this.#start(code, policy);
      return this.#keep(
        new ChildModule({
          code,
          digest,
          description,
          policy,
          pool: this.#pool,
          lanes: this.#lanes,
          launch: this.#launch,
          maxPendingCalls: this.#options.maxPendingCallsPerModule,
          onClose: (closed) => this.#modules.delete(closed),
        }),
      );
    } catch (error) {
      this.#pool.forget(code.id);
      throw error;
    }
  }

  createSlotTable(): SlotTable {
    this.#assertOpen();
    return new ModuleSlotTable();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#pool.close();
    await Promise.all([...this.#modules].map((module) => module[Symbol.asyncDispose]()));
    await this.#lanes.close();
  }

  /** Shows that a module starts. */
  async #start(code: ModuleCode, { wasi, timeoutMs }: ModulePolicy): Promise<void> {
    const start = { do: 'start', module: code.id, wasi } as const;
    this.#ok(await this.#pool.submit({ code, message: () => start, timeoutMs, limit: 'timeoutMs' }));
  }

  #keep(module: ChildModule): ChildModule {
    this.#modules.add(module);
    return module;
  }

  #loadLimit(): { readonly timeoutMs: number; readonly limit: 'loadTimeoutMs' } {
    return { timeoutMs: this.#options.loadTimeoutMs, limit: 'loadTimeoutMs' };
  }

  #ok({ message }: Reply): unknown {
    if (message.failure !== undefined) throw errorOfFailure(message.failure, this.#launch);
    return message.ok;
  }

  #description(reply: Reply): ModuleDescription {
    const described = this.#ok(reply) as WireDescription;
    return { ...described, servesHttp: httpServingOf(described) };
  }

  async #verifiedBytes(source: ModuleSource): Promise<{ bytes: Uint8Array; digest: Digest }> {
    // A copy, which `slice` of a Buffer is not: what the caller changes from now on is neither hashed nor compiled.
    const bytes = 'bytes' in source ? new Uint8Array(source.bytes) : await readModuleFile(source.path);
    this.#checkSize(bytes);
    const digest = await sha256Hex(bytes as Uint8Array<ArrayBuffer>);
    if (source.digest !== undefined && source.digest !== digest)
      throw runtimeChildError('HS_RUNTIME_DIGEST_MISMATCH', { actual: digest, expected: source.digest });
    return { bytes, digest };
  }

  #checkSize({ length }: Uint8Array): void {
    const { maxModuleBytes } = this.#options;
    if (length > maxModuleBytes)
      throw runtimeChildError('HS_RUNTIME_MODULE_TOO_LARGE', { sizeBytes: length, limitBytes: maxModuleBytes });
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw runtimeChildError('HS_RUNTIME_CLOSED', { what: 'runtime host' });
  }
}

async function readModuleFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    // The path stays here: the error may reach a remote caller.
    const { code } = error as NodeJS.ErrnoException;
    throw runtimeChildError('HS_RUNTIME_IO_FAILED', { reason: code ?? 'unknown' }, error);
  }
}
