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
import { callTimeoutMs } from '@hotswap/core';
import type {
  CallableDescription,
  CallInfo,
  CommandOutcome,
  InstanceHandle,
  LoadReport,
  ModuleDescription as NativeDescription,
  ModuleHandle,
  ModuleStats as NativeStats,
  RunOptions,
} from '../binding.d.ts';
import { callFlagsOf, callResult, fuelOf } from './call-info.ts';
import type { CompletionQueue } from './completion-queue.ts';
import { describeModule } from './describe-module.ts';
import { runtimeError } from './error-codes.ts';
import { type ExportTarget, FunctionIndex } from './function-index.ts';
import type { HostFunctionTable } from './host-function-table.ts';
import { SynchronousCalls } from './synchronous-calls.ts';
import { WasmtimeInstance } from './wasmtime-instance.ts';

/** Calls end by their own limits; this only bounds the wait of a dispose. */
const disposeDeadlineMs = 60_000;
/** Calls that were made before a hand-over end by their own limits; this only bounds the wait for a long queue of them. */
const handOverPatienceMs = 30_000;

/**
 * A module in the engine: its code is shared by all calls, each of which gets an instance of its own.
 * @internal
 */
export class WasmtimeModule implements LoadedModule {
  readonly description: ModuleDescription;
  readonly digest: Digest;
  readonly #handle: ModuleHandle;
  readonly #functions: FunctionIndex;
  readonly #synchronous: SynchronousCalls;
  readonly #queue: CompletionQueue;
  readonly #onClose: (module: WasmtimeModule) => void;
  readonly #hostFunctions: HostFunctionTable | undefined;
  readonly #instances = new Set<WasmtimeInstance>();
  readonly #callFlags: number;
  #closing: Promise<void> | undefined;

  constructor(
    handle: ModuleHandle,
    digest: Digest,
    queue: CompletionQueue,
    onClose: (module: WasmtimeModule) => void,
    hostFunctions?: HostFunctionTable,
  ) {
    this.#handle = handle;
    this.digest = digest;
    this.description = describeModule(JSON.parse(handle.descriptionJson()) as NativeDescription);
    this.#functions = new FunctionIndex(JSON.parse(handle.functionsJson()) as CallableDescription[]);
    this.#synchronous = new SynchronousCalls(handle);
    this.#callFlags = callFlagsOf(JSON.parse(handle.reportJson()) as LoadReport);
    this.#queue = queue;
    this.#onClose = onClose;
    this.#hostFunctions = hostFunctions;
  }

  /** Its number within the addon. @throws HS_RUNTIME_CLOSED */
  get nativeId(): number {
    this.#assertOpen();
    return this.#handle.id;
  }

  async invoke(name: string, args: readonly WitValue[], options: CallOptions = {}): Promise<CallResult> {
    const { exportIndex, codec } = this.#target(name);
    const timeoutMs = callTimeoutMs(options);
    const startedMs = performance.now();
    const { value, info } = await this.#queue.submit((dispatcher, callId) => {
      const sent = codec?.send(args, (bytes, length) => {
        dispatcher.callMessage(callId, this.#handle, exportIndex, bytes, length, timeoutMs, this.#callFlags);
      });
      if (sent !== true) dispatcher.call(callId, this.#handle, exportIndex, args, timeoutMs, this.#callFlags);
    }, options.signal);
    const given = codec === undefined ? value : codec.readBytes(value);
    return callResult(given as WitValue, performance.now() - startedMs, info as CallInfo | undefined);
  }

  invokeSync(name: string, args: readonly WitValue[], options?: Omit<CallOptions, 'signal'>): WitValue {
    return this.#synchronous.call(this.#target(name), args, options) as WitValue;
  }

  async run(options: CommandOptions = {}): Promise<CommandResult> {
    this.#assertOpen();
    if (!this.description.isCommand) throw runtimeError('HS_RUNTIME_NOT_A_COMMAND');
    const { args, env, stdin, stdio, signal } = options;
    const timeoutMs = Math.ceil(callTimeoutMs(options));
    const json = JSON.stringify({ args, env, stdio, ...(timeoutMs === 0 ? {} : { timeoutMs }) } satisfies {
      [K in keyof RunOptions]: RunOptions[K] | undefined;
    });
    const startedMs = performance.now();
    const { value, info } = await this.#queue.submit((dispatcher, callId) => {
      dispatcher.run(callId, this.#handle, stdin ?? null, json, this.#callFlags);
    }, signal);
    const { exitCode, stdout, stderr, stdoutDroppedBytes, stderrDroppedBytes } = value as CommandOutcome;
    return {
      exitCode,
      stdout,
      stderr,
      droppedBytes: stdoutDroppedBytes + stderrDroppedBytes,
      durationMs: performance.now() - startedMs,
      ...fuelOf(info as CallInfo | undefined),
    };
  }

  async open(): Promise<ModuleInstance> {
    this.#assertOpen();
    const { value } = await this.#queue.submit((dispatcher, callId) => {
      dispatcher.open(callId, this.#handle);
    });
    const instance = new WasmtimeInstance(
      value as InstanceHandle,
      this.#functions,
      this.#queue,
      (closed) => this.#instances.delete(closed),
      this.#callFlags,
      this.#hostFunctions?.resources,
    );
    this.#instances.add(instance);
    return instance;
  }

  stats(): ModuleStats {
    this.#assertOpen();
    const gauges: string[] = [];
    // The engine writes counters as whole numbers and gauges always with a point or an exponent.
    const native = JSON.parse(
      this.#handle.statsJson(),
      (key, value: unknown, context?: { readonly source?: string }) => {
        if (typeof value === 'number' && /[.e]/.test(context?.source ?? '')) gauges.push(key);
        return value;
      },
    ) as NativeStats;
    const { calls, errors, traps, inFlight, memoryPeakBytes, memoryAtLimit, fuelUsed, throttledMs, cpuMs, metrics } =
      native;
    const crashes = Object.values(traps).reduce((sum, count) => sum + count, 0);
    return {
      calls,
      errors,
      crashes,
      inFlight,
      peakMemoryBytes: memoryPeakBytes,
      memoryRefusals: memoryAtLimit,
      fuelUsed,
      throttledMs,
      cpuMs,
      metrics,
      ...(gauges.length === 0 ? {} : { gauges: gauges.filter((name) => Object.hasOwn(metrics, name)) }),
    };
  }

  async handOver(to: LoadedModule): Promise<void> {
    this.#assertOpen();
    if (!(to instanceof WasmtimeModule))
      throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', {
        path: 'to',
        expected: 'a module that a Wasmtime host has loaded',
      });
    to.#assertOpen();
    await this.#queue.submit((dispatcher, callId) => {
      dispatcher.handOver(callId, this.#handle, to.#handle, handOverPatienceMs);
    });
  }

  /** Waits until no call is left, at most `deadlineMs`, then cancels the rest. */
  async drain(deadlineMs: number): Promise<{ readonly finished: number; readonly cut: number }> {
    const { value } = await this.#queue.submit((dispatcher, callId) => {
      dispatcher.drain(callId, this.#handle, deadlineMs);
    });
    return value as { readonly finished: number; readonly cut: number };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#onClose(this);
    await Promise.all([...this.#instances].map((instance) => instance[Symbol.asyncDispose]()));
    // A host that is already closed has cancelled every call, so there is nothing to wait for.
    await this.drain(disposeDeadlineMs).catch(() => undefined);
    this.#handle.dispose();
    this.#hostFunctions?.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw runtimeError('HS_RUNTIME_CLOSED', { what: 'module' });
  }

  #target(name: string): ExportTarget {
    this.#assertOpen();
    const target = this.#functions.resolve(name);
    if (target.unsupported !== null) throw runtimeError('HS_RUNTIME_UNSUPPORTED', { feature: target.unsupported });
    if (target.needsInstance)
      throw runtimeError('HS_RUNTIME_UNSUPPORTED', {
        feature: 'an instance that stays open, because it passes resources: call it on what `open` returns',
      });
    return target;
  }
}
