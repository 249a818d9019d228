import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeWhenIdle } from '../src/http/close-when-idle.ts';

/** A client that notes what it is told until the connection ends, in order or not. */
class Client {
  readonly #socket: Socket;
  readonly ended: Promise<string>;
  text = '';

  constructor(server: Server) {
    this.#socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    this.#socket.setEncoding('utf8').on('data', (part: string) => (this.text += part));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => (this.text += `failed: ${String(error.code)}`));
    this.ended = once(this.#socket, 'close').then(() => this.text);
  }

  /** Sends, and waits until the server has read it. */
  async send(text: string, accepted: Promise<Socket>): Promise<void> {
    const before = (await accepted).bytesRead;
    this.#socket.write(text);
    await expect.poll(async () => (await accepted).bytesRead).toBe(before + text.length);
  }

  end(): void {
    this.#socket.destroy();
  }
}

describe('the end of a server', () => {
  let server: Server;
  let close: () => Promise<void>;
  let isClosed: boolean;

  const start = async (listener: RequestListener): Promise<void> => {
    server = createServer(listener);
    const end = closeWhenIdle(server);
    isClosed = false;
    close = () =>
      end(() => new Promise((resolve) => server.close(resolve))).then(() => {
        isClosed = true;
      });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  };
  const accept = (): { readonly client: Client; readonly accepted: Promise<Socket> } => {
    const accepted = once(server, 'connection').then(([socket]) => socket as Socket);
    return { client: new Client(server), accepted };
  };

  beforeEach(() => start((request, response) => void request.resume().on('end', () => response.end('well'))));
  afterEach(() => {
    server.closeAllConnections();
  });

  const head = 'POST / HTTP/1.1\r\nhost: x\r\n';
  const rest = 'content-length: 2\r\nconnection: close\r\n\r\nhi';

  it('waits for a first request of which half the head has come, and answers it', async () => {
    const { client, accepted } = accept();
    await client.send(head, accepted);
    const closing = close();
    expect((await accepted).destroyed).toBe(false);
    await client.send(rest, accepted);
    expect(await client.ended).toMatch(/^HTTP\/1\.1 200 OK[^]*well$/);
    await closing;
  });

  it('waits for a further request of which half the head has come, and answers it', async () => {
    const { client, accepted } = accept();
    await client.send('GET / HTTP/1.1\r\nhost: x\r\n\r\n', accepted);
    await expect.poll(() => client.text).toContain('well');
    await client.send(head, accepted);
    const closing = close();
    await client.send(rest, accepted);
    expect((await client.ended).match(/ 200 OK/g)).toHaveLength(2);
    await closing;
  });

  it.each([
    ['first', ''],
    ['further', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
  ])('does not wait for a %s request whose head never ends', async (_which, before) => {
    const { client, accepted } = accept();
    if (before !== '') {
      await client.send(before, accepted);
      await expect.poll(() => client.text).toContain('well');
    }
    await client.send(head, accepted);
    await close();
    await client.ended;
  });

  it('does not wait for who never asks', async () => {
    const { client, accepted } = accept();
    await accepted;
    await close();
    expect(await client.ended).toBe('');
  });

  it('takes the request of who has connected just before', async () => {
    const { client, accepted } = accept();
    const socket = await accepted;
    const closing = close();
    expect(socket.destroyed).toBe(false);
    await client.send(`${head}${rest}`, accepted);
    expect(await client.ended).toMatch(/well$/);
    await closing;
  });

  it('waits for answers that take their time, one behind the other on one connection among them', async () => {
    await new Promise((resolve) => server.close(resolve));
    const answers: (() => void)[] = [];
    await start((_request, response) => void answers.push(() => response.end('well')));
    const { client, accepted } = accept();
    await client.send('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2), accepted);
    await expect.poll(() => answers.length).toBe(2);
    const closing = close();
    answers[0]?.();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect([isClosed, (await accepted).destroyed]).toEqual([false, false]);
    answers[1]?.();
    expect((await client.ended).match(/ 200 OK/g)).toHaveLength(2);
    await closing;
    client.end();
  });
});
