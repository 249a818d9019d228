import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a fake node saw of one call. */
export interface SeenCall {
  readonly release: string;
  readonly authorization: string;
  readonly body: string;
}

/** A node's invoke port that answers as scripted. */
export class FakeNode {
  readonly calls: SeenCall[] = [];
  answer: (call: SeenCall) => { status: number; body: object } | 'hang' | 'cut' = () => ({
    status: 200,
    body: { result: 'ok' },
  });
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const call = {
          release: String(request.headers['x-hotswap-release']),
          authorization: String(request.headers.authorization),
          body,
        };
        this.calls.push(call);
        const answer = this.answer(call);
        if (answer === 'cut') request.socket.destroy();
        else if (answer !== 'hang') {
          response.writeHead(answer.status, {
            'content-type': answer.status < 400 ? 'application/json' : 'application/problem+json',
          });
          response.end(JSON.stringify(answer.body));
        }
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function text(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  return body;
}
