import { type HttpFallbackResponse, type HttpPlaneOptions, isHotSwapError } from '@hotswap/core';
import type { HttpPlane as NativePlane } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import { HttpFallbackRequest } from './http-fallback-request.ts';
import { warnOfHandler } from './http-handler-warning.ts';

type Handler = NonNullable<HttpPlaneOptions['fallback']>;

/**
 * Requests that JavaScript answers, from their head to the end of their answer.
 * @internal
 */
export class HttpFallbackRequests {
  readonly #native: NativePlane;
  readonly #handler: Handler | undefined;
  readonly #requests = new Map<number, HttpFallbackRequest>();

  constructor(native: NativePlane, handler: Handler | undefined) {
    this.#native = native;
    this.#handler = handler;
  }

  /** Requests that the addon still waits for. */
  get size(): number {
    return this.#requests.size;
  }

  begin(id: number, head: readonly string[], hasBody: boolean): void {
    const request = new HttpFallbackRequest(this.#native, id, head, hasBody);
    this.#requests.set(id, request);
    void this.#answer(id, request);
  }

  bodyChunk(id: number, chunk: Uint8Array): void {
    this.#requests.get(id)?.body.add(chunk);
  }

  bodyEnd(id: number, reason: string | undefined): void {
    this.#requests.get(id)?.body.end(reason);
  }

  writable(id: number): void {
    this.#requests.get(id)?.resume();
  }

  over(id: number, isAborted: boolean): void {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    request?.finish(isAborted);
  }

  /** The plane is gone, and with it every client. */
  abandon(): void {
    for (const id of [...this.#requests.keys()]) this.over(id, true);
  }

  async #answer(id: number, request: HttpFallbackRequest): Promise<void> {
    try {
      const answer = await (this.#handler as Handler)(request);
      if (request.isOver) await discard(answer);
      else if (isIterable(answer.body)) await request.stream(answer, answer.body);
      else this.#answered(id, request.answer(answer, answer.body));
    } catch (error) {
      if (request.isOver) return;
      // A handler that lets this through has not failed: its client has.
      const isOfClient = isHotSwapError(error, 'HS_RUNTIME_HTTP_BODY_INCOMPLETE');
      if (!isOfClient) warnOfHandler('fallback', error);
      this.#answered(id, request.fail(isOfClient ? error : runtimeError('HS_RUNTIME_HTTP_HANDLER_FAILED')));
    }
  }

  /** Of whole answers nothing more is heard. */
  #answered(id: number, isWhole: boolean): void {
    if (!isWhole) return;
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    request?.finish(false);
  }
}

function isIterable(body: HttpFallbackResponse['body']): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

/** A client that left before the answer came leaves an iterable that nobody reads. */
async function discard({ body }: HttpFallbackResponse): Promise<void> {
  if (isIterable(body)) await body[Symbol.asyncIterator]().return?.();
}
