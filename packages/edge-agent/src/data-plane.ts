import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isHotSwapError, type HotSwapError, type Json } from '@hotswap/core';
import { invokeHeaders, problemMediaType, problemTypeBase, type ProblemDetails } from '@hotswap/protocol';
import { agentError } from './error-codes.ts';
import type { InvokeCall, InvokeCalls } from './invoke-call.ts';
import type { InvokeTokens } from './invoke-token.ts';

/** Longer than clients keep idle connections, so that no request meets a connection that is being closed. */
const keepAliveTimeoutMs = 75_000;
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 60_000;
const maxHeaderBytes = 16_384;
/** Addresses that were taken apart are kept: gateways use few, over and over. */
const maxParsedPaths = 2_000;

/** @internal */
export interface DataPlaneOptions {
  readonly nodeId: string;
  readonly tokens: InvokeTokens;
  readonly calls: InvokeCalls;
  /** An answer of 500: what really happened, for the log. */
  readonly onInternalError: (requestId: string, error: unknown) => void;
}

interface InvokePath {
  readonly moduleName: string;
  readonly functionName: string;
}

/**
 * The node's invoke port: `POST /invoke/{moduleName}/{function}` for whoever holds a token of the server, and an open
 * `GET /health`.
 * @internal
 */
export class DataPlane {
  readonly #options: DataPlaneOptions;
  readonly #server: Server;
  readonly #paths = new Map<string, InvokePath | null>();
  #requests = 0;
  #inFlight = 0;
  #isStopping = false;
  #onIdle: (() => void) | undefined;

  constructor(options: DataPlaneOptions) {
    this.#options = options;
    const limits = {
      keepAliveTimeout: keepAliveTimeoutMs,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      maxHeaderSize: maxHeaderBytes,
    };
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response));
  }

  /** Begins to answer. @returns the port */
  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(port, host, resolve);
    await promise;
    this.#server.removeListener('error', reject);
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no new requests, waits for those in work, then cuts what is left at the deadline. */
  async close(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    if (this.#inFlight > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onIdle = resolve;
      const timer = setTimeout(resolve, deadlineMs);
      await promise;
      clearTimeout(timer);
    }
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight++;
    try {
      if (this.#isStopping) throw agentError('HS_AGENT_STOPPING');
      const path = request.method === 'POST' ? this.#path(request.url ?? '') : null;
      if (path !== null) await this.#invoke(path, request, response);
      else if (request.method === 'GET' && request.url === '/health')
        send(response, 200, 'application/json', JSON.stringify({ status: 'Healthy', nodeId: this.#options.nodeId }));
      else throw agentError('HS_AGENT_NOT_FOUND');
    } catch (error) {
      this.#fail(request, response, error);
    } finally {
      if (--this.#inFlight === 0) this.#onIdle?.();
    }
  }

  async #invoke(path: InvokePath, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers } = request;
    const { authorization } = headers;
    if (authorization === undefined || !this.#options.tokens.isAdmitted(authorization))
      await this.#options.tokens.admit(authorization);
    const left = new AbortController();
    response.once('close', () => {
      if (!response.writableEnded) left.abort();
    });
    const call: InvokeCall = {
      moduleName: path.moduleName,
      functionName: path.functionName,
      releaseId: textHeader(headers[invokeHeaders.release]),
      stickyKey: textHeader(headers[invokeHeaders.sticky]),
      timeoutMs: timeoutHeader(headers[invokeHeaders.timeoutMs]),
      signal: left.signal,
    };
    const body = await readText(request, this.#options.calls.bodyLimitBytes(call));
    const answer = await this.#options.calls.perform(call, body);
    if (!response.destroyed) send(response, 200, 'application/json', answer);
  }

  #fail(request: IncomingMessage, response: ServerResponse, cause: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const requestId =
      textHeader(request.headers[invokeHeaders.requestId])?.slice(0, 100) ??
      `${this.#options.nodeId}-${++this.#requests}`;
    let error: HotSwapError;
    if (isHotSwapError(cause)) error = cause;
    else {
      this.#options.onInternalError(requestId, cause);
      error = agentError('HS_AGENT_INTERNAL', { requestId });
    }
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
    // A body that is too large is not read to its end, so nothing can follow it.
    if (this.#isStopping || error.code === 'HS_AGENT_BODY_TOO_LARGE') response.setHeader('connection', 'close');
    send(response, status, problemMediaType, JSON.stringify(problem));
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

function textHeader(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function timeoutHeader(value: string | string[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = Number(value);
  if (Number.isInteger(ms) && ms > 0) return ms;
  throw agentError('HS_AGENT_INVALID_REQUEST', {
    why: `${invokeHeaders.timeoutMs} must be a whole number of milliseconds above 0`,
  });
}

/** The body as text. Written with events: an iterator costs more than the rest of a small request. */
function readText(request: IncomingMessage, limitBytes: number): Promise<string> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes)
    return Promise.reject(agentError('HS_AGENT_BODY_TOO_LARGE', { limitBytes }));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.byteLength;
      if (sizeBytes <= limitBytes) chunks.push(chunk);
      else {
        request.pause();
        reject(agentError('HS_AGENT_BODY_TOO_LARGE', { limitBytes }));
      }
    });
    request.once('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer).toString('utf8') : Buffer.concat(chunks).toString('utf8')),
    );
    request.once('error', reject);
    request.once('close', () => {
      if (!request.complete) reject(agentError('HS_AGENT_INVALID_REQUEST', { why: 'the body ended early' }));
    });
  });
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
