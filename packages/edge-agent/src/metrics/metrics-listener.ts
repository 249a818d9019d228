import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { agentError } from '../error-codes.ts';

/** What is shown. @internal */
export interface MetricsText {
  readonly contentType: string;
  text(): Promise<string>;
}

/**
 * The port on which a Prometheus server asks the node: `GET /metrics` and nothing else. A port of its own, so that it can
 * be open to other machines than calls are.
 * @internal
 */
export class MetricsListener implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws HS_AGENT_CONFIG_INVALID when the address cannot be opened */
  static async open(metrics: MetricsText, host: string, port: number): Promise<MetricsListener> {
    const server = createServer(
      { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 75_000, maxHeaderSize: 8_192 },
      (request, response) => void answer(metrics, request, response),
    );
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(port, host, resolve);
    try {
      await promise;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      throw agentError('HS_AGENT_CONFIG_INVALID', {
        why: `MetricsHost, MetricsPort: ${host}:${port} cannot be opened (${code})`,
      });
    }
    return new MetricsListener(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(metrics: MetricsText, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.resume();
  const [path] = (request.url ?? '').split('?', 1);
  if (path !== '/metrics') response.writeHead(404).end();
  else if (request.method !== 'GET') response.writeHead(405, { allow: 'GET' }).end();
  else response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.text());
}
