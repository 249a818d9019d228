import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpFallbackRequest, HttpHeader, HttpVersionStats } from '@hotswap/core';
import type { NodeFront } from './node-front.ts';
import type { NodeAnswer, NodeRequests } from './node-requests.ts';

const limits = {
  /** Longer than clients keep idle connections, so that no request meets a connection that is being closed. */
  keepAliveTimeout: 75_000,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  maxHeaderSize: 16_384,
};

/**
 * The invoke port over Node's own HTTP server, for runtimes that serve no HTTP themselves. Modules are not reached by
 * HTTP through it.
 * @internal
 */
export class PlainFront implements NodeFront {
  readonly #requests: NodeRequests;
  readonly #server: Server;
  #inFlight = 0;
  #isStopping = false;
  #onIdle: (() => void) | undefined;

  constructor(requests: NodeRequests) {
    this.#requests = requests;
    this.#server = createServer(limits, (request, response) => void this.#answer(request, response));
  }

  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(port, host, resolve);
    await promise;
    this.#server.removeListener('error', reject);
    return (this.#server.address() as AddressInfo).port;
  }

  publish(): void {
    // Selectors bring no modules with HTTP to nodes whose runtime does not serve it.
  }

  versionStats(): readonly HttpVersionStats[] {
    return [];
  }

  async close(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    this.#requests.stop();
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

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#inFlight++;
    try {
      const left = new AbortController();
      response.once('close', () => {
        if (!response.writableEnded) left.abort();
      });
      this.#send(message, response, await this.#requests.answer(readRequest(message, left.signal)));
    } finally {
      if (--this.#inFlight === 0) this.#onIdle?.();
    }
  }

  #send(message: IncomingMessage, response: ServerResponse, answer: NodeAnswer): void {
    if (response.destroyed) return;
    // A body that was not read to its end can be followed by nothing.
    if (this.#isStopping || !message.complete) response.setHeader('connection', 'close');
    for (const [name, value] of answer.headers) response.setHeader(name, value);
    response.setHeader('content-length', Buffer.byteLength(answer.body));
    response.writeHead(answer.status).end(answer.body);
  }
}

function readRequest(message: IncomingMessage, signal: AbortSignal): HttpFallbackRequest {
  const { rawHeaders } = message;
  const headers: HttpHeader[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    headers.push([(rawHeaders[at] ?? '').toLowerCase(), rawHeaders[at + 1] ?? '']);
  return {
    method: message.method ?? '',
    url: message.url ?? '',
    authority: message.headers.host ?? '',
    scheme: 'http',
    headers,
    remoteAddress: message.socket.remoteAddress ?? '',
    body: message,
    signal,
  };
}
