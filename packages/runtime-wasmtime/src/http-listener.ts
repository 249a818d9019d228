import type { HttpCertificate, HttpDrain, HttpListener, HttpRoute } from '@hotswap/core';
import type { HttpPlane as NativePlane } from '../binding.d.ts';
import type { PendingAnswers } from './http-pending-answers.ts';
import { mapNativeError } from './map-native-error.ts';

/** Requests in work may take that long when a listener is disposed of. */
const disposeDeadlineMs = 5_000;

/** One open port of a plane. @internal */
export class WasmtimeHttpListener implements HttpListener {
  readonly port: number;
  readonly #native: NativePlane;
  readonly #pending: PendingAnswers;
  readonly #listenerId: number;
  #closing: Promise<HttpDrain> | undefined;

  constructor(
    native: NativePlane,
    pending: PendingAnswers,
    opened: { readonly listenerId: number; readonly port: number },
  ) {
    this.#native = native;
    this.#pending = pending;
    this.#listenerId = opened.listenerId;
    this.port = opened.port;
  }

  setRoutes(routes: readonly HttpRoute[]): void {
    this.#do(() => {
      this.#native.setRoutes(this.#listenerId, JSON.stringify(routes));
    });
  }

  setCertificates(tls: readonly HttpCertificate[]): void {
    this.#do(() => {
      this.#native.setCertificates(this.#listenerId, JSON.stringify(tls));
    });
  }

  close(deadlineMs: number): Promise<HttpDrain> {
    return (this.#closing ??= this.#pending.submit((callId) => {
      this.#native.closeListener(callId, this.#listenerId, deadlineMs);
    }) as Promise<HttpDrain>);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(disposeDeadlineMs);
  }

  #do(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw mapNativeError(error);
    }
  }
}
