import { STATUS_CODES } from 'node:http';
import {
  isHotSwapError,
  type HotSwapError,
  type HttpFallbackRequest,
  type HttpHeader,
  type Json,
  type Tracer,
  type TraceSpan,
} from '@hotswap/core';
import { invokeHeaders, problemMediaType, problemTypeBase, type ProblemDetails } from '@hotswap/protocol';
import { agentError } from '../error-codes.ts';
import type { InvokeCall, InvokeCalls } from '../calls/invoke-call.ts';
import type { InvokeTokens } from './invoke-token.ts';
import { ServerQuestions } from './server-questions.ts';

/** Addresses that were taken apart are kept: gateways use few, over and over. */
const maxParsedPaths = 2_000;
/** Below it are the modules themselves; a request that gets here asks for one that the node does not serve. */
const httpPrefix = '/http/';

/** @internal */
export interface NodeRequestsOptions {
  readonly nodeId: string;
  readonly tokens: InvokeTokens;
  readonly calls: InvokeCalls;
  readonly questions: ServerQuestions;
  /** Traces what its callers trace. Absent: nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** A call has used up its time. */
  readonly onTimeLimit?: (requestId: string, url: string) => void;
  /** An answer of 500: what really happened, for the log. */
  readonly onInternalError: (requestId: string, error: unknown) => void;
}

/** What the node itself answers. @internal */
export interface NodeAnswer {
  readonly status: number;
  readonly headers: readonly HttpHeader[];
  readonly body: string;
}

interface InvokePath {
  readonly moduleName: string;
  readonly functionName: string;
}

/**
 * What the node answers in JavaScript, whoever brings the requests: `POST /invoke/{moduleName}/{function}` for whoever
 * holds a token of the server, and an open `GET /health`.
 * @internal
 */
export class NodeRequests {
  readonly #options: NodeRequestsOptions;
  readonly #paths = new Map<string, InvokePath | null>();
  #failures = 0;
  #isStopping = false;

  constructor(options: NodeRequestsOptions) {
    this.#options = options;
  }

  /** Refuses what comes from now on. */
  stop(): void {
    this.#isStopping = true;
    this.#options.questions.stop();
  }

  /** Answers one request, failures included. */
  async answer(request: HttpFallbackRequest): Promise<NodeAnswer> {
    try {
      if (this.#isStopping) throw agentError('HS_AGENT_STOPPING');
      const path = request.method === 'POST' ? this.#path(request.url) : null;
      if (path !== null) return await this.#invoke(path, request);
      if (request.method === 'POST' && this.#options.questions.isAsked(request.url)) return await this.#ask(request);
      if (request.method === 'GET' && request.url === '/health')
        return json(200, 'application/json', JSON.stringify({ status: 'Healthy', nodeId: this.#options.nodeId }));
      if (request.url.startsWith(httpPrefix)) throw await this.#noModule(request);
      throw agentError('HS_AGENT_NOT_FOUND');
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  async #invoke(path: InvokePath, request: HttpFallbackRequest): Promise<NodeAnswer> {
    const span = this.#span(path, request);
    if (span === undefined) return this.#perform(path, request);
    try {
      const answer = await this.#perform(path, request, span);
      span.end();
      return answer;
    } catch (error) {
      span.end(isHotSwapError(error) ? error.code : 'HS_AGENT_INTERNAL');
      throw error;
    }
  }

  #span({ moduleName, functionName }: InvokePath, request: HttpFallbackRequest): TraceSpan | undefined {
    const { tracer, nodeId } = this.#options;
    const traceparent = tracer === undefined ? undefined : header(request, invokeHeaders.traceparent);
    if (traceparent === undefined) return undefined;
    const attributes = {
      'hotswap.node.id': nodeId,
      'hotswap.module.name': moduleName,
      'hotswap.function': functionName,
    };
    return tracer?.start('invoke', { kind: 'server', traceparent, sampling: 'parent', attributes }) ?? undefined;
  }

  async #perform(path: InvokePath, request: HttpFallbackRequest, span?: TraceSpan): Promise<NodeAnswer> {
    const { authorization, release, sticky, timeoutMs, contentLength } = readHeaders(request);
    if (authorization === undefined || !this.#options.tokens.isAdmitted(authorization))
      await this.#options.tokens.admit(authorization);
    const call: InvokeCall = {
      moduleName: path.moduleName,
      functionName: path.functionName,
      releaseId: release,
      stickyKey: sticky,
      timeoutMs,
      signal: request.signal,
      span,
    };
    const body = await readText(request.body, contentLength, this.#options.calls.bodyLimitBytes(call));
    return json(200, 'application/json', await this.#options.calls.perform(call, body));
  }

  async #ask(request: HttpFallbackRequest): Promise<NodeAnswer> {
    const { authorization, contentLength } = readHeaders(request);
    await this.#options.tokens.admit(authorization);
    const question = await readText(request.body, contentLength, ServerQuestions.limitBytes);
    const answer = await this.#options.questions.answer(request.url, question, request.signal);
    return json(200, 'application/json', JSON.stringify(answer));
  }

  /** Only the server may learn what is here. */
  async #noModule(request: HttpFallbackRequest): Promise<Error> {
    await this.#options.tokens.admit(readHeaders(request).authorization);
    const [, , moduleName = ''] = request.url.split(/[/?]/, 3);
    const releaseId = header(request, 'x-hotswap-version');
    if (releaseId === undefined) return agentError('HS_AGENT_MODULE_NOT_HERE', { moduleName });
    return agentError('HS_AGENT_RELEASE_NOT_HERE', { moduleName, releaseId });
  }

  #failed(request: HttpFallbackRequest, cause: unknown): NodeAnswer {
    const requestId =
      header(request, invokeHeaders.requestId)?.slice(0, 100) ?? `${this.#options.nodeId}-${++this.#failures}`;
    let error: HotSwapError;
    if (isHotSwapError(cause)) error = cause;
    else {
      this.#options.onInternalError(requestId, cause);
      error = agentError('HS_AGENT_INTERNAL', { requestId });
    }
    if (error.code === 'HS_RUNTIME_TIMEOUT') this.#options.onTimeLimit?.(requestId, request.url);
    const status = error.code === 'HS_RUNTIME_CANCELLED' ? 503 : error.httpStatus;
    const problem: ProblemDetails = {
      type: problemTypeBase + error.code,
      title: STATUS_CODES[status] ?? 'Error',
      status,
      detail: error.message,
      code: error.code,
      requestId,
      details: error.details as Readonly<Record<string, Json>>,
      retryable: error.retryable,
    };
    return json(status, problemMediaType, JSON.stringify(problem));
  }

  #path(url: string): InvokePath | null {
    const known = this.#paths.get(url);
    if (known !== undefined) return known;
    if (this.#paths.size >= maxParsedPaths) this.#paths.clear();
    const parsed = parsePath(url);
    this.#paths.set(url, parsed);
    return parsed;
  }
}

function parsePath(url: string): InvokePath | null {
  const parts = /^\/invoke\/([^/?#]+)\/([^/?#]+)(?:\?|$)/.exec(url);
  if (parts === null) return null;
  try {
    return { moduleName: decodeURIComponent(parts[1] ?? ''), functionName: decodeURIComponent(parts[2] ?? '') };
  } catch {
    return null;
  }
}

interface CallHeaders {
  authorization: string | undefined;
  release: string | undefined;
  sticky: string | undefined;
  timeoutMs: number | undefined;
  contentLength: number;
}

/** One walk over the headers: there are few, and most calls carry all that matter. */
function readHeaders({ headers }: HttpFallbackRequest): CallHeaders {
  const found: CallHeaders = {
    authorization: undefined,
    release: undefined,
    sticky: undefined,
    timeoutMs: undefined,
    contentLength: 0,
  };
  for (const [name, value] of headers) {
    if (value === '') continue;
    if (name === 'authorization') found.authorization = value;
    else if (name === invokeHeaders.release) found.release = value;
    else if (name === invokeHeaders.sticky) found.sticky = value;
    else if (name === invokeHeaders.timeoutMs) found.timeoutMs = timeout(value);
    else if (name === 'content-length') found.contentLength = Number(value);
  }
  return found;
}

function header({ headers }: HttpFallbackRequest, wanted: string): string | undefined {
  const value = headers.find(([name]) => name === wanted)?.[1];
  return value === '' ? undefined : value;
}

function timeout(value: string): number {
  const ms = Number(value);
  if (Number.isInteger(ms) && ms > 0) return ms;
  throw agentError('HS_AGENT_INVALID_REQUEST', {
    why: `${invokeHeaders.timeoutMs} must be a whole number of milliseconds above 0`,
  });
}

async function readText(body: AsyncIterable<Uint8Array>, contentLength: number, limitBytes: number): Promise<string> {
  if (contentLength > limitBytes) throw agentError('HS_AGENT_BODY_TOO_LARGE', { limitBytes });
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > limitBytes) throw agentError('HS_AGENT_BODY_TOO_LARGE', { limitBytes });
    chunks.push(chunk);
  }
  const [only] = chunks;
  if (chunks.length === 1 && only !== undefined)
    return Buffer.from(only.buffer, only.byteOffset, only.byteLength).toString('utf8');
  return Buffer.concat(chunks).toString('utf8');
}

function json(status: number, contentType: string, body: string): NodeAnswer {
  return { status, headers: [['content-type', contentType]], body };
}
