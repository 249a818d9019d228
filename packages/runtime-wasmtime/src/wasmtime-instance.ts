import { type CallOptions, type CallResult, type ModuleInstance, type WitValue, callTimeoutMs } from '@hotswap/core';
import type { CallInfo, InstanceHandle, ResourceValue } from '../binding.d.ts';
import { callResult } from './call-info.ts';
import type { CompletionQueue } from './completion-queue.ts';
import { runtimeError } from './error-codes.ts';
import type { ExportTarget, FunctionIndex } from './function-index.ts';
import type { HostResources } from './host-resources.ts';
import { type CallObjects, InstanceResources } from './instance-resources.ts';
import { SynchronousCalls } from './synchronous-calls.ts';
import type { ResourceOwner } from './wasmtime-resource.ts';

/**
 * An instance that keeps its memory and resources between calls. Where a function takes a resource that the module imports, any object of
 * the host goes: lent for the call, or given away.
 * @internal
 */
export class WasmtimeInstance implements ModuleInstance, ResourceOwner {
  readonly #handle: InstanceHandle;
  readonly #functions: FunctionIndex;
  readonly #synchronous: SynchronousCalls;
  readonly #queue: CompletionQueue;
  readonly #onClose: (instance: WasmtimeInstance) => void;
  readonly #callFlags: number;
  readonly #objects: InstanceResources | undefined;
  #closed = false;

  constructor(
    handle: InstanceHandle,
    functions: FunctionIndex,
    queue: CompletionQueue,
    onClose: (instance: WasmtimeInstance) => void,
    callFlags: number,
    hostResources?: HostResources,
  ) {
    this.#handle = handle;
    this.#functions = functions;
    this.#synchronous = new SynchronousCalls(handle);
    this.#queue = queue;
    this.#onClose = onClose;
    this.#callFlags = callFlags;
    this.#objects = hostResources && new InstanceResources(hostResources);
  }

  async invoke(name: string, args: readonly WitValue[], options: CallOptions = {}): Promise<CallResult> {
    const target = this.#target(name);
    const startedMs = performance.now();
    if (target.lend === undefined || this.#objects === undefined)
      return await this.#invoke(target, args, options, startedMs);
    const objects = this.#objects.handIn(args, target.lend);
    try {
      const result = await this.#invoke(target, objects.args, options, startedMs, objects);
      objects.end();
      return result;
    } catch (error) {
      objects.end(error);
      throw error;
    }
  }

  async #invoke(
    target: ExportTarget,
    args: readonly WitValue[],
    options: CallOptions,
    startedMs: number,
    objects?: CallObjects,
  ): Promise<CallResult> {
    const { codec, exportIndex } = target;
    const timeoutMs = callTimeoutMs(options);
    const { value, info } = await this.#queue.submit((dispatcher, callId) => {
      const sent = codec?.send(args, (bytes, length) => {
        dispatcher.callInstanceMessage(callId, this.#handle, exportIndex, bytes, length, timeoutMs, this.#callFlags);
      });
      if (sent !== true) dispatcher.callInstance(callId, this.#handle, exportIndex, args, timeoutMs, this.#callFlags);
      objects?.sent();
    }, options.signal);
    const given = codec === undefined ? value : codec.readBytes(value);
    const durationMs = performance.now() - startedMs;
    return callResult(target.wrap?.(given, this) ?? (given as WitValue), durationMs, info as CallInfo | undefined);
  }

  invokeSync(name: string, args: readonly WitValue[], options?: Omit<CallOptions, 'signal'>): WitValue {
    const target = this.#target(name);
    const value = this.#synchronous.call(target, args, options);
    return target.wrap?.(value, this) ?? (value as WitValue);
  }

  hostObject({ $resource: [, id] }: ResourceValue, kind: string): unknown {
    return this.#objects?.takeBack(id, kind);
  }

  dropResource(resource: ResourceValue): void {
    if (this.#closed || !this.#handle.alive) return;
    // Nobody waits for it: a resource that went with its instance in the meantime is dropped all the same.
    this.#queue
      .submit((dispatcher, callId) => {
        dispatcher.dropResource(callId, this.#handle, resource);
      })
      .catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#handle.close();
      this.#objects?.close();
      this.#onClose(this);
    }
    return Promise.resolve();
  }

  #target(name: string): ExportTarget {
    if (this.#closed) throw runtimeError('HS_RUNTIME_STALE_HANDLE', { kind: 'instance', reason: 'it was closed' });
    const target = this.#functions.resolve(name);
    if (target.unsupported !== null) throw runtimeError('HS_RUNTIME_UNSUPPORTED', { feature: target.unsupported });
    return target;
  }
}
