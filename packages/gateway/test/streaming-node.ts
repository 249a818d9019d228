import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a node saw of one request, before its body. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

export type NodeAnswer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A node whose data plane answers HTTP requests of modules as scripted. */
export class StreamingNode implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  answer: NodeAnswer = (_request, response) => void response.end('ok');
  readonly #server: Server;
  url = '';

  constructor() {
    this.#server = createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      this.seen.push({ method, url, headers });
      response.setHeader('x-hotswap-version', '1.0.0');
      void this.answer(request, response);
    });
  }

  static async start(): Promise<StreamingNode> {
    const node = new StreamingNode();
    await new Promise<void>((resolve) => node.#server.listen(0, '127.0.0.1', resolve));
    node.url = `http://127.0.0.1:${(node.#server.address() as AddressInfo).port}`;
    return node;
  }

  /** Closes the port and all connections, as a node that dies. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The answer of the plane itself, which no guest has given. */
export function planeProblem(status: number, code: string): NodeAnswer {
  return (request, response) => {
    request.resume();
    response.removeHeader('x-hotswap-version');
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(request.method === 'HEAD' ? '' : JSON.stringify({ status, code, title: 't' }));
  };
}
