import type { HotSwapError } from '@hotswap/core';
import { protocolError } from './error-codes.ts';
import { errorFromProblem, readProblem } from './problem-details.ts';

/** Where the server is and who calls. @public */
export interface HotSwapClientOptions {
  /** E.g. `http://127.0.0.1:5000`. */
  readonly baseUrl: string;
  /** Bearer token. Absent: only open routes answer. */
  readonly token?: string;
  /** Default: the platform's `fetch`, which keeps connections alive. */
  readonly fetch?: typeof fetch;
}

/** One request as the nouns of the client describe it. @internal */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Options that every call of the client takes. @public */
export interface RequestOptions {
  readonly signal?: AbortSignal;
  /** The same key with the same body is done once; the answer is kept for 24 h, unless a repeat may cure it (`retryable`). */
  readonly idempotencyKey?: string;
  /** `ETag` that the resource must still have, else 412. */
  readonly ifMatch?: string;
}

/** Sends requests and turns problem documents into errors. @internal */
export class HttpTransport {
  readonly #baseUrl: string;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;

  constructor(options: HotSwapClientOptions) {
    this.#baseUrl = options.baseUrl.replace(/\/+$/, '');
    this.#token = options.token;
    this.#fetch = options.fetch ?? fetch;
  }

  /** Sends and reads the JSON answer; an answer without content is `undefined`. */
  async send<T>(request: ApiRequest): Promise<T> {
    const response = await this.open(request);
    if (response.status === 204) return undefined as T;
    return (await this.#json(request, response)) as T;
  }

  /**
   * Sends and hands over the open answer, which is below 400.
   * @throws HS_CLIENT_UNREACHABLE, HS_CLIENT_UNEXPECTED_ANSWER, and the server's own codes
   */
  async open(request: ApiRequest): Promise<Response> {
    let response: Response;
    try {
      response = await this.#fetch(this.#url(request), this.#init(request));
    } catch (cause) {
      if (request.signal?.aborted === true) throw cause;
      throw protocolError('HS_CLIENT_UNREACHABLE', { baseUrl: this.#baseUrl, why: causeText(cause) }, cause);
    }
    if (response.status < 400) return response;
    throw await this.#failure(request, response);
  }

  #url(request: ApiRequest): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {}))
      if (value !== undefined) query.set(name, String(value));
    const text = query.toString();
    return `${this.#baseUrl}${request.path}${text === '' ? '' : `?${text}`}`;
  }

  #init(request: ApiRequest): RequestInit {
    const headers: Record<string, string> = { accept: 'application/json', ...request.headers };
    if (this.#token !== undefined) headers['authorization'] = `Bearer ${this.#token}`;
    const init: RequestInit = { method: request.method, headers, redirect: 'error' };
    if (request.signal) init.signal = request.signal;
    if (request.body instanceof Uint8Array) {
      init.body = request.body as Uint8Array<ArrayBuffer>;
    } else if (request.body !== undefined) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(request.body);
    }
    return init;
  }

  async #failure(request: ApiRequest, response: Response): Promise<HotSwapError> {
    const problem = readProblem(await this.#json(request, response));
    return problem ? errorFromProblem(problem) : this.#unexpected(request, response, 'its body is something else');
  }

  async #json(request: ApiRequest, response: Response): Promise<unknown> {
    try {
      return await response.json();
    } catch (cause) {
      if (request.signal?.aborted === true) throw cause;
      throw this.#unexpected(request, response, 'its body is no JSON');
    }
  }

  #unexpected(request: ApiRequest, response: Response, why: string): HotSwapError {
    return protocolError('HS_CLIENT_UNEXPECTED_ANSWER', {
      baseUrl: this.#baseUrl,
      status: response.status,
      request: `${request.method} ${request.path}`,
      why,
    });
  }
}

/** Headers of the options that every command takes. @internal */
export function requestHeaders(options: RequestOptions | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  if (options?.idempotencyKey !== undefined) headers['idempotency-key'] = options.idempotencyKey;
  if (options?.ifMatch !== undefined) headers['if-match'] = options.ifMatch;
  return headers;
}

function causeText(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = (inner as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return code;
  return inner instanceof Error ? inner.message : String(inner);
}
