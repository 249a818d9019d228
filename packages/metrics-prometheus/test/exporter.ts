import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A program that is watched: its metrics are the text that a test gives it. */
export class Exporter implements AsyncDisposable {
  readonly #server: Server;
  text = '';

  private constructor() {
    this.#server = createServer((_, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4').end(this.text);
    });
  }

  static async start(): Promise<Exporter> {
    const exporter = new Exporter();
    await once(exporter.#server.listen(0, '127.0.0.1'), 'listening');
    return exporter;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
