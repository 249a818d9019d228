import type {
  HttpAccessRecord,
  HttpDrain,
  HttpListenOptions,
  HttpListener,
  HttpOutputRecord,
  HttpPlane,
  HttpPlaneOptions,
  HttpPlaneStats,
} from '@hotswap/core';
import type { HttpEventBatch, HttpPlane as NativePlane, HttpPlaneOptions as NativeOptions } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import { readRequestHead } from './http-request-head.ts';
import { HttpFallbackRequests } from './http-fallback-requests.ts';
import { warnOfHandler } from './http-handler-warning.ts';
import { WasmtimeHttpListener } from './http-listener.ts';
import { PendingAnswers } from './http-pending-answers.ts';
import type { NativeBinding } from './load-native-binding.ts';
import { WasmtimeSlotTable } from './wasmtime-slot-table.ts';

/** Requests in work may take that long when a plane is disposed of. */
const disposeDeadlineMs = 5_000;

/** Kinds of events, as `HttpEventKinds` of the binding numbers them. */
const kinds = {
  completed: 0,
  request: 1,
  bodyChunk: 2,
  bodyEnd: 3,
  writable: 4,
  over: 5,
  authorize: 6,
  access: 7,
  output: 8,
} as const;

/**
 * Serves a slot table by HTTP on the addon's own threads; what has no slot is answered by a function of this thread.
 * The addon keeps the process alive while a listener is open, and not otherwise.
 * @internal
 */
export class WasmtimeHttpPlane implements HttpPlane {
  readonly #native: NativePlane;
  readonly #options: HttpPlaneOptions;
  readonly #pending = new PendingAnswers();
  readonly #requests: HttpFallbackRequests;
  readonly #onClose: (plane: WasmtimeHttpPlane) => void;
  #closing: Promise<HttpDrain> | undefined;

  /** @throws HS_RUNTIME_INVALID_ARGUMENT for a slot table of another host */
  constructor(native: NativeBinding, options: HttpPlaneOptions, onClose: (plane: WasmtimeHttpPlane) => void) {
    const { slots } = options;
    if (!(slots instanceof WasmtimeSlotTable))
      throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', { path: 'slots', expected: 'a table of this runtime host' });
    const wanted: NativeOptions = {
      fallback: options.fallback !== undefined,
      authorize: options.authorize !== undefined,
      access: options.onAccess !== undefined,
      output: options.onOutput !== undefined,
    };
    this.#options = options;
    this.#onClose = onClose;
    this.#native = new native.HttpPlane(slots.native, JSON.stringify(wanted), (batch) => {
      this.#take(batch);
    });
    this.#requests = new HttpFallbackRequests(this.#native, options.fallback);
  }

  async listen(options: HttpListenOptions): Promise<HttpListener> {
    if (this.#closing !== undefined) throw runtimeError('HS_RUNTIME_CLOSED', { what: 'HTTP plane' });
    const opened = (await this.#pending.submit((callId) => {
      this.#native.listen(callId, JSON.stringify(options));
    })) as { readonly listenerId: number; readonly port: number };
    return new WasmtimeHttpListener(this.#native, this.#pending, opened);
  }

  stats(): HttpPlaneStats {
    return JSON.parse(this.#native.statsJson()) as HttpPlaneStats;
  }

  close(deadlineMs: number): Promise<HttpDrain> {
    return (this.#closing ??= this.#close(deadlineMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(disposeDeadlineMs);
  }

  async #close(deadlineMs: number): Promise<HttpDrain> {
    try {
      return (await this.#pending.submit((callId) => {
        this.#native.close(callId, deadlineMs);
      })) as HttpDrain;
    } finally {
      this.#native.dispose();
      this.#requests.abandon();
      this.#pending.abandon();
      this.#onClose(this);
    }
  }

  #take(batch: HttpEventBatch): void {
    for (let at = 0; at < batch.length; at += 4) {
      const id = batch[at + 1] as number;
      const detail = batch[at + 2];
      switch (batch[at]) {
        case kinds.request:
          this.#requests.begin(id, detail as readonly string[], batch[at + 3] as boolean);
          break;
        case kinds.bodyChunk:
          this.#requests.bodyChunk(id, detail as Uint8Array);
          break;
        case kinds.bodyEnd:
          this.#requests.bodyEnd(id, detail as string | undefined);
          break;
        case kinds.writable:
          this.#requests.writable(id);
          break;
        case kinds.over:
          this.#requests.over(id, detail as boolean);
          break;
        case kinds.authorize:
          void this.#authorize(id, detail as readonly string[]);
          break;
        case kinds.access:
          this.#tell('onAccess', detail as string);
          break;
        case kinds.output:
          this.#tell('onOutput', detail as string);
          break;
        default:
          this.#pending.complete(id, detail, batch[at + 3] as string | undefined);
      }
    }
  }

  async #authorize(askId: number, head: readonly string[]): Promise<void> {
    let validUntil = -1;
    try {
      validUntil = timeOf((await this.#options.authorize?.(readRequestHead(head)))?.validUntil);
    } catch (error) {
      // Whoever cannot tell lets nobody in.
      warnOfHandler('authorize', error);
    }
    this.#native.authorized(askId, validUntil);
  }

  #tell(name: 'onAccess' | 'onOutput', json: string): void {
    try {
      this.#options[name]?.(JSON.parse(json) as readonly (HttpAccessRecord & HttpOutputRecord)[]);
    } catch (error) {
      warnOfHandler(name, error);
    }
  }
}

/** The addon refuses what is no number, and then nobody would hear an answer. */
function timeOf(validUntil: unknown): number {
  if (validUntil === undefined) return -1;
  if (typeof validUntil === 'number') return validUntil;
  throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', {
    path: 'validUntil',
    expected: 'a time in milliseconds since 1970',
  });
}
