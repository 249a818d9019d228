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
import { answerOfCall } from './answer-of-call.ts';
import { CallCounters } from './call-counters.ts';
import { CallLog, outputOfResult } from './call-log.ts';
import { CallsInFlight } from './calls-in-flight.ts';
import { ChildInstance } from './child-instance.ts';
import type { Reply, WireExit } from './child-messages.ts';
import { callResult } from './call-result.ts';
import { runtimeChildError } from './error-codes.ts';
import { ExportIndex, encodeArguments } from './export-index.ts';
import { type GuestOutput, outputOfReply } from './guest-output.ts';
import type { InstanceLanes } from './instance-lanes.ts';
import { LogRate } from './log-rate.ts';
import { type ModulePolicy, callLimitMs, callWasi, commandWasi } from './module-policy.ts';
import type { CallRequest, ModuleCode, PendingCall } from './pending-call.ts';
import type { ProcessPool } from './process-pool.ts';
import type { EngineLaunch } from './engine-launch.ts';

/** Calls end by their own limits; this only bounds the wait of a dispose. */
const disposeDeadlineMs = 60_000;

const nothing = new Uint8Array();

/** What a module's request is, besides what is the same for all of them. */
interface ModuleRequest {
  readonly message: NonNullable<CallRequest['message']>;
  readonly attached?: Uint8Array;
  /** Of what the guest wrote, what a failure may show. */
  readonly keep: (output: GuestOutput) => GuestOutput;
}

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
  readonly #log: CallLog;
  readonly #instances = new Set<ChildInstance>();
  #closing: Promise<void> | undefined;

  constructor(parts: ChildModuleParts) {
    this.#parts = parts;
    this.description = parts.description;
    this.digest = parts.digest;
    this.#exports = new ExportIndex(parts.description.functions);
    const { maxLogBytesPerSecond, wasi } = parts.policy;
    this.#log = new CallLog(wasi.maxOutputBytes, new LogRate(maxLogBytesPerSecond));
  }

  async invoke(name: string, args: readonly WitValue[], options: CallOptions = {}): Promise<CallResult> {
    this.#assertOpen();
    const { code, policy } = this.#parts;
    const target = this.#exports.resolve(name);
    const values = encodeArguments(target, args, policy.maxInputBytes);
    const startedMs = performance.now();
    const reply = await this.#submit(options, {
      message: (lane) => ({
        do: 'call',
        module: code.id,
        export: target.name,
        args: values,
        wasi: callWasi(policy.wasi, this.#log.roomBytes),
        reuse: policy.reuse !== null && lane < policy.reuse.maxInstances ? policy.reuse : null,
      }),
      keep: (output) => this.#log.keep(output),
    });
    return callResult(reply, startedMs, this.#log);
  }

  async run(options: CommandOptions = {}): Promise<CommandResult> {
    this.#assertOpen();
    if (!this.description.isCommand) throw runtimeChildError('HS_RUNTIME_NOT_A_COMMAND');
    const { code, policy } = this.#parts;
    const { stdin, stdio } = options;
    if (stdio === 'inherit')
      throw runtimeChildError('HS_RUNTIME_UNSUPPORTED', { feature: 'standard streams of the host' });
    if (stdin !== undefined && stdin.length > policy.maxInputBytes)
      throw runtimeChildError('HS_RUNTIME_INPUT_LIMIT', { sizeBytes: stdin.length, limitBytes: policy.maxInputBytes });
    const wasi = commandWasi(policy.wasi, options);
    const startedMs = performance.now();
    const reply = await this.#submit(options, {
      message: () => ({ do: 'run', module: code.id, wasi }),
      // A copy: until its turn comes the caller may use the memory for something else.
      ...(stdin === undefined ? {} : { attached: new Uint8Array(stdin) }),
      keep: (output) => output,
    });
    const { ok, usage } = reply.message;
    const output = outputOfReply(reply);
    return {
      exitCode: (ok as WireExit).exitCode,
      stdout: nothing,
      stderr: nothing,
      droppedBytes: 0,
      ...(output === undefined ? {} : outputOfResult(output)),
      durationMs: performance.now() - startedMs,
      ...(usage.fuelUsed === null ? {} : { fuelUsed: usage.fuelUsed }),
    };
  }

  async open(): Promise<ModuleInstance> {
    this.#assertOpen();
    const { code, policy, launch, lanes } = this.#parts;
    const lane = await lanes.open(code, policy);
    if (this.#closing !== undefined) {
      await lanes.release(lane);
      this.#assertOpen();
    }
    const instance = new ChildInstance({
      lane,
      lanes,
      exports: this.#exports,
      policy,
      launch,
      counters: this.#counters,
      log: this.#log,
      accept: (request) => this.#admit(() => this.#parts.pool.accept(request)),
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

  async #submit(options: CallOptions, { keep, ...request }: ModuleRequest): Promise<Reply> {
    const { code, policy, pool, launch } = this.#parts;
    const { signal } = options;
    const timeoutMs = callLimitMs(policy, options);
    const call = this.#admit(() => pool.admit({ code, ...request, timeoutMs, limit: 'timeoutMs', signal }));
    const counters = this.#counters;
    return await counters.count(answerOfCall(call, { counters, launch, keep }));
  }

  /** Counts a call among those of this module, in whichever child it runs. */
  #admit(admit: () => PendingCall): PendingCall {
    const { maxPendingCalls } = this.#parts;
    if (this.#calls.count >= maxPendingCalls)
      throw runtimeChildError('HS_RUNTIME_QUEUE_FULL', { scope: 'module', limit: maxPendingCalls });
    const call = admit();
    this.#calls.add(call);
    return call;
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw runtimeChildError('HS_RUNTIME_CLOSED', { what: 'module' });
  }
}
