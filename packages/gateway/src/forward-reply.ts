import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import { isHotSwapError, type HotSwapError } from '@hotswap/core';
import type { AnswerTap } from './answer-tap.ts';
import { gatewayError } from './error-codes.ts';
import { canHaveTrailers, passedTrailers, responseHeaders } from './forwarded-headers.ts';

/** Answers of this size and below are read whole when they may say that a node has not taken the request. */
const maxRefusalBytes = 16_384;

/**
 * How sending a request to one node ended: `done` also when the answer broke off after its head, which the client sees
 * as a cut connection.
 * @internal
 */
export type ForwardEnd =
  | { readonly kind: 'done'; readonly status: number; readonly isCut: boolean }
  /** The node has certainly not run it. */
  | { readonly kind: 'refused'; readonly status: number; readonly why: string; readonly code: string }
  /** Nothing was answered. */
  | {
      readonly kind: 'failed';
      readonly wasSent: boolean;
      readonly isTimeout: boolean;
      readonly why: string;
      /** Of this side's own making, e.g. a body beyond its limit. */
      readonly error?: HotSwapError;
    };

/** Codes by which a node says, besides 421, that it has not taken a request; everything else may have run. */
const refusals: ReadonlySet<string> = new Set([
  'HS_HTTP_NO_ROUTE',
  'HS_AGENT_NOT_FOUND',
  'HS_AGENT_UNAUTHENTICATED',
  'HS_HTTP_UNAUTHORIZED',
  'HS_AGENT_STOPPING',
  'HS_HTTP_OVERLOADED',
]);
const nothing = Buffer.alloc(0);
const refusalStatuses: ReadonlySet<number> = new Set([401, 404, 421, 503]);

/**
 * Pours a node's answer into the client's as fast as the client takes it.
 * @internal
 */
export class ForwardReply implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #extraHeaders: Readonly<Record<string, string>>;
  readonly #onHead: () => void;
  readonly #end: (end: ForwardEnd) => void;
  readonly #tap: AnswerTap | undefined;
  /** Called when the node could not be reached, or was lost before its answer. */
  onUnreachable: (() => void) | undefined;
  /** Called when the node has begun to answer. */
  onReached: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #givenUp: Error | undefined;
  #wasSent = false;
  #status = 0;
  #headers: Record<string, string | string[] | undefined> = {};
  #rawHeaders: readonly (Buffer | string)[] = [];
  #refusal: Buffer[] | undefined;
  #refusalBytes = 0;
  #hasHead = false;
  #isWaiting = false;

  constructor(
    response: ServerResponse,
    options: {
      readonly extraHeaders: Readonly<Record<string, string>>;
      /** Called once, when the head is written. */
      readonly onHead: () => void;
      readonly end: (end: ForwardEnd) => void;
      /** Keeps a copy of the answer. Default: nobody does. */
      readonly tap?: AnswerTap | undefined;
    },
  ) {
    this.#response = response;
    this.#extraHeaders = options.extraHeaders;
    this.#onHead = options.onHead;
    this.#end = options.end;
    this.#tap = options.tap;
  }

  /** Gives the request up, e.g. because the client has left. */
  giveUp(error: Error): void {
    this.#givenUp ??= error;
    this.#controller?.abort(error);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#givenUp) controller.abort(this.#givenUp);
    else this.#wasSent = true;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.onReached?.();
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#rawHeaders = (controller.rawHeaders ?? []) as readonly (Buffer | string)[];
    // A guest's own answer always says which version gave it.
    if (refusalStatuses.has(status) && headers['x-hotswap-version'] === undefined) this.#refusal = [];
    else this.#writeHead();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#refusal) {
      this.#refusal.push(chunk);
      this.#refusalBytes += chunk.byteLength;
      if (this.#refusalBytes > maxRefusalBytes) this.#writeRefusal(this.#refusal);
      return;
    }
    this.#tap?.add(chunk);
    if (this.#response.write(chunk) || this.#isWaiting) return;
    this.#isWaiting = true;
    controller.pause();
    this.#response.once('drain', () => {
      this.#isWaiting = false;
      controller.resume();
    });
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    if (this.#refusal) {
      const code = codeOf(this.#refusal);
      if (this.#status === 421 || refusals.has(code) || (code === '' && this.#saysNoByItself())) {
        const why = code === '' ? `status ${this.#status}` : code;
        this.#end({ kind: 'refused', status: this.#status, why, code });
        return;
      }
      this.#writeRefusal(this.#refusal);
    }
    const passedOn = passedTrailers(trailers, this.#extraHeaders);
    if (passedOn !== null) this.#response.addTrailers(passedOn);
    this.#response.end();
    this.#tap?.end();
    this.#end({ kind: 'done', status: this.#status, isCut: false });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#hasHead) {
      // Never a clean end of what is not whole.
      this.#response.destroy();
      this.#end({ kind: 'done', status: this.#status, isCut: true });
      return;
    }
    const { code, name } = error as NodeJS.ErrnoException;
    const isTimeout = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
    const own = isHotSwapError(error) ? error : isHotSwapError(this.#givenUp) ? this.#givenUp : undefined;
    if (own === undefined && isOfTransport(code)) this.onUnreachable?.();
    this.#end({
      kind: 'failed',
      wasSent: this.#wasSent,
      isTimeout,
      why: code ?? name,
      ...(own === undefined ? {} : { error: own }),
    });
  }

  #writeHead(): void {
    const hasLength = this.#headers['content-length'] !== undefined;
    const mayEndWithTrailers = canHaveTrailers(this.#response.req, this.#status, hasLength);
    this.#response.writeHead(this.#status, [
      ...responseHeaders(this.#rawHeaders, this.#extraHeaders, mayEndWithTrailers),
    ]);
    this.#hasHead = true;
    this.#tap?.begin(this.#status, this.#headers);
    this.#onHead();
    // The head of a stream is news of its own: it does not wait for the first piece of the body. `flushHeaders` would write
    // the bytes of header values as if they were characters.
    if (!hasLength) this.#response.write(nothing);
  }

  /** Answers to HEAD have no body that could say more. */
  #saysNoByItself(): boolean {
    const isProblem = this.#headers['content-type'] === 'application/problem+json';
    return this.#status === 401 || (this.#status === 404 && isProblem);
  }

  #writeRefusal(chunks: readonly Buffer[]): void {
    this.#refusal = undefined;
    this.#writeHead();
    for (const chunk of chunks) {
      this.#tap?.add(chunk);
      this.#response.write(chunk);
    }
  }
}

/**
 * Whether the connection to the node failed. What the handler throws comes the same way, and so does what undici finds
 * wrong with a request: neither says anything of the node.
 */
function isOfTransport(code: string | undefined): boolean {
  return code !== undefined && !ofThisSide.has(code) && !/^ERR_(?:HTTP|INVALID|STREAM)_/.test(code);
}
const ofThisSide: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

/** The client closed its connection. @internal */
export function clientLeft(): HotSwapError {
  return gatewayError('HS_ROUTE_NODE_LOST', { nodeId: 'of the call', why: 'the caller left' });
}

function codeOf(chunks: readonly Buffer[]): string {
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { readonly code?: unknown } | null;
    return typeof body?.code === 'string' ? body.code : '';
  } catch {
    return '';
  }
}
