import type {
  HttpFallbackRequest as FallbackRequest,
  HttpFallbackResponse,
  HotSwapError,
  HttpHeader,
  HttpRequestHead,
} from '@hotswap/core';
import type { HttpPlane as NativePlane } from '../binding.d.ts';
import { HttpRequestBody } from './http-request-body.ts';
import { readRequestHead } from './http-request-head.ts';

const problemHeaders = ['content-type', 'application/problem+json'];

/**
 * One request that JavaScript answers, and its answer's way back.
 * @internal
 */
export class HttpFallbackRequest implements FallbackRequest {
  readonly method: string;
  readonly url: string;
  readonly authority: string;
  readonly scheme: HttpRequestHead['scheme'];
  readonly headers: readonly HttpHeader[];
  readonly remoteAddress: string;
  readonly body: HttpRequestBody;
  readonly #native: NativePlane;
  readonly #id: number;
  /** Made when someone asks for the signal: most handlers do not. */
  #left: AbortController | undefined;
  #isOver = false;
  #isAborted = false;
  #hasHead = false;
  #onWritable: (() => void) | undefined;

  constructor(native: NativePlane, id: number, flatHead: readonly string[], hasBody: boolean) {
    const head = readRequestHead(flatHead);
    this.method = head.method;
    this.url = head.url;
    this.authority = head.authority;
    this.scheme = head.scheme;
    this.headers = head.headers;
    this.remoteAddress = head.remoteAddress;
    this.#native = native;
    this.#id = id;
    this.body = new HttpRequestBody(
      hasBody,
      (sizeBytes) => {
        native.readMore(id, sizeBytes);
      },
      () => {
        native.discardBody(id);
      },
    );
  }

  get signal(): AbortSignal {
    this.#left ??= new AbortController();
    if (this.#isAborted) this.#left.abort();
    return this.#left.signal;
  }

  /** Nothing that is done for it can reach its client any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Answers as a whole. @returns true: the addon will say nothing more about it */
  answer({ status, headers }: HttpFallbackResponse, body: Uint8Array | string | undefined): boolean {
    this.#native.respond(this.#id, status, flatHeaders(headers), body ?? '');
    return true;
  }

  /** Answers piece by piece, as fast as the client takes it; gives the iterable back when it is not read to its end. */
  async stream({ status, headers }: HttpFallbackResponse, body: AsyncIterable<Uint8Array>): Promise<void> {
    const iterator = body[Symbol.asyncIterator]();
    let hasMore = true;
    try {
      this.#native.respond(this.#id, status, flatHeaders(headers), null);
      this.#hasHead = true;
      while (!this.#isOver) {
        // One that throws has given itself back.
        hasMore = false;
        const piece = await iterator.next();
        hasMore = piece.done !== true;
        if (piece.done === true) {
          this.#native.end(this.#id);
          return;
        }
        if (!this.#native.write(this.#id, piece.value)) await this.#room();
      }
    } catch (error) {
      if (!this.#isOver) throw error;
    } finally {
      // Not waited for: a generator that hangs must not hold what is over.
      if (hasMore) void iterator.return?.()?.then(undefined, () => undefined);
    }
  }

  /** It cannot be answered: the client is told while nothing was sent, else cut off. @returns as {@link answer} */
  fail({ code, message, httpStatus }: HotSwapError): boolean {
    if (this.#hasHead) {
      this.#native.abort(this.#id);
      return false;
    }
    const problem = {
      type: `https://hotswap.dev/errors/${code}`,
      title: httpStatus === 500 ? 'Internal Server Error' : 'Bad Request',
      status: httpStatus,
      detail: message,
      code,
    };
    this.#native.respond(this.#id, httpStatus, problemHeaders, JSON.stringify(problem));
    return true;
  }

  /** The addon takes more of the answer. */
  resume(): void {
    this.#onWritable?.();
    this.#onWritable = undefined;
  }

  /** The request has ended. */
  finish(isAborted: boolean): void {
    this.#isOver = true;
    this.#isAborted = isAborted;
    this.body.end(isAborted ? 'the client left' : undefined);
    this.resume();
    if (isAborted) this.#left?.abort();
  }

  async #room(): Promise<void> {
    if (this.#isOver) return;
    await new Promise<void>((resolve) => {
      this.#onWritable = resolve;
    });
  }
}

function flatHeaders(headers: readonly HttpHeader[] | undefined): readonly string[] {
  return headers === undefined ? [] : headers.flat();
}
