import type {
  CallOptions,
  CallResult,
  CommandOptions,
  CommandResult,
  Digest,
  LoadedModule,
  ModuleDescription,
  ModuleInstance,
  ModuleStats,
  WitValue,
} from '@hotswap/core';
import { CallCounters } from './call-counters.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import { ChildInstance } from './child-instance.ts';
import type { Reply, RequestMessage, WireExit } from './child-messages.ts';
import { callResult } from './call-result.ts';
import { runtimeChildError } from './error-codes.ts';
import { errorOfFailure } from './error-of-failure.ts';
import { ExportIndex, encodeArguments } from './export-index.ts';
import type { InstanceLanes } from './instance-lanes.ts';
import { type ModulePolicy, commandWasi } from './module-policy.ts';
import type { ModuleCode } from './pending-call.ts';
import type { ProcessPool } from './process-pool.ts';
import type { EngineLaunch } from './engine-launch.ts';

/** Calls end by their own limits; this only bounds the wait of a dispose. */
const disposeDeadlineMs = 60_000;

/** What a module is made of. @internal */
export interface ChildModuleParts {
  readonly code: ModuleCode;
  readonly digest: Digest;
  readonly description: ModuleDescription;
  readonly policy: ModulePolicy;
  readonly pool: ProcessPool;
  readonly lanes: InstanceLanes;
  readonly launch: EngineLaunch;
  readonly maxPendingCalls: number;
  readonly onClose: (module: ChildModule) => void;
}

/**
 * A module that any of the host's children can run. Which of them hold its code does not matter to a caller: a child that
 * lacks it compiles it before its first call.
 * @internal
 */
export class ChildModule implements LoadedModule {
  readonly description: ModuleDescription;
  readonly digest: Digest;
  readonly #parts: ChildModuleParts;
  readonly #exports: ExportIndex;
  readonly #counters = new CallCounters();
  readonly #calls = new CallsInFlight();
  readonly #instances = new Set<ChildInstance>();
  #closing: Promise<void> | undefined;

  constructor(parts: ChildModuleParts) {
    this.#parts = parts;
    this.description = parts.description;
    this.digest = parts.digest;
    this.#exports = new ExportIndex(parts.description.functions);
  }

  async invoke(name: string, args: readonly WitValue[], options: CallOptions = {}): Promise<CallResult> {
    this.#assertOpen();
    const { code, policy } = this.#parts;
    const target = this.#exports.resolve(name);
    const values = encodeArguments(target, args, policy.maxInputBytes);
    const startedMs = performance.now();
    const reply = await this.#submit(options, (lane) => ({
      do: 'call',
      module: code.id,
      export: target.name,
      args: values,
      wasi: policy.wasi,
      reuse: policy.reuse !== null && lane < policy.reuse.maxInstances ? policy.reuse : null,
    }));
    return callResult(reply, startedMs);
  }

  async run(options: CommandOptions = {}): Promise<CommandResult> {
    this.#assertOpen();
    if (!this.description.isCommand) throw runtimeChildError('HS_RUNTIME_NOT_A_COMMAND');
    const { code, policy } = this.#parts;
    const { stdin } = options;
    if (stdin !== undefined && stdin.length > policy.maxInputBytes)
      throw runtimeChildError('HS_RUNTIME_INPUT_LIMIT', { sizeBytes: stdin.length, limitBytes: policy.maxInputBytes });
    const wasi = commandWasi(policy.wasi, options);
    const startedMs = performance.now();
    const { message, attached } = await this.#submit(options, () => ({ do: 'run', module: code.id, wasi }), stdin);
    const { exitCode, stdoutBytes, droppedBytes } = message.ok as WireExit;
    return {
      exitCode,
      stdout: attached.slice(0, stdoutBytes),
      stderr: attached.slice(stdoutBytes),
      droppedBytes,
      durationMs: performance.now() - startedMs,
      ...(message.usage.fuelUsed === null ? {} : { fuelUsed: message.usage.fuelUsed }),
    };
  }

  async open(): Promise<ModuleInstance> {
    this.#assertOpen();
    const { code, policy, launch, lanes } = this.#parts;
    const lane = await lanes.open(code, policy);
    const instance = new ChildInstance({
      lane,
      lanes,
      exports: this.#exports,
      policy,
      launch,
      counters: this.#counters,
      onClose: (closed) => this.#instances.delete(closed),
    });
    this.#instances.add(instance);
    return instance;
  }

  stats(): ModuleStats {
    this.#assertOpen();
    return this.#counters.snapshot();
  }

  /** Waits until no call is left, at most `deadlineMs`, then cuts the rest. */
  async drain(deadlineMs: number): Promise<{ readonly finished: number; readonly cut: number }> {
    return await this.#calls.drain(deadlineMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#parts.onClose(this);
    await Promise.all([...this.#instances].map((instance) => instance[Symbol.asyncDispose]()));
    await this.drain(disposeDeadlineMs);
    this.#parts.pool.forget(this.#parts.code.id);
  }

  async #submit(
    { signal, timeoutMs }: CallOptions,
    message: (lane: number) => RequestMessage,
    attached?: Uint8Array,
  ): Promise<Reply> {
    const { code, policy, pool, maxPendingCalls, launch } = this.#parts;
    if (this.#calls.count >= maxPendingCalls)
      throw runtimeChildError('HS_RUNTIME_QUEUE_FULL', { scope: 'module', limit: maxPendingCalls });
    const call = pool.admit({
      code,
      message,
      ...(attached === undefined ? {} : { attached }),
      timeoutMs: Math.min(timeoutMs ?? policy.timeoutMs, policy.timeoutMs),
      limit: 'timeoutMs',
      signal,
    });
    this.#calls.add(call);
    return await this.#counters.count(this.#answered(call.settled, launch));
  }

  async #answered(settled: Promise<Reply>, launch: EngineLaunch): Promise<Reply> {
    const reply = await settled;
    this.#counters.add(reply.message.usage);
    if (reply.message.failure !== undefined) throw errorOfFailure(reply.message.failure, launch);
    return reply;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw runtimeChildError('HS_RUNTIME_CLOSED', { what: 'module' });
  }
}
