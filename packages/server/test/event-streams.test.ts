import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import type { Principal } from '../src/auth/principal.ts';
import { EventStreams, type EventStream } from '../src/http/event-stream.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** What routes pass on of a request that has come to its handler. */
const openOn = (
  streams: EventStreams,
  raw: IncomingMessage,
  response: ServerResponse,
  principal?: Principal,
): EventStream =>
  streams.open(
    {
      raw,
      id: 'r1',
      headers: raw.headers,
      protocol: 'http',
      principal: principal ?? null,
    } as unknown as FastifyRequest,
    { raw: response, hijack: () => undefined } as unknown as FastifyReply,
  );

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('streams of events', () => {
  it('end at once when their reader has left before they were opened', async () => {
    const streams = new EventStreams();
    const { promise: opened, resolve } = Promise.withResolvers<EventStream>();
    const port = await serve((request, response) => {
      // What a route looks up first takes a moment.
      response.once('close', () => setImmediate(() => resolve(openOn(streams, request, response))));
    });
    const reader = httpRequest({ port, host: '127.0.0.1' }).on('error', () => undefined);
    reader.end();
    setTimeout(() => reader.destroy(), 50);
    const stream = await opened;
    const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
    stream.onClose(onClose);
    await closed;
    expect(stream.isOpen).toBe(false);
    expect(streams.size).toBe(0);
  });
});
