import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHotSwapClient, formatSse, type HotSwapClient } from '@hotswap/protocol';
import { collect } from './collect.ts';

describe('createHotSwapClient', () => {
  let server: Server;
  let client: HotSwapClient;
  let baseUrl: string;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];

  beforeEach(async () => {
    seen = [];
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = createHotSwapClient({ baseUrl: `${baseUrl}/`, token: 'secret' });
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const json = (status: number, body: unknown) => (_request: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

  it('throws the server’s own code, text, status and details', async () => {
    answer = json(409, {
      type: 'https://hotswap.dev/errors/HS_DEPLOYMENT_ACTIVE',
      title: 'Conflict',
      status: 409,
      detail: 'Deployment {x} is active',
      code: 'HS_DEPLOYMENT_ACTIVE',
      requestId: 'r1',
      details: { deploymentId: 'd1', x: 'y' },
      errors: [{ pointer: '/moduleId', detail: 'is busy' }],
      retryable: true,
    });
    await expect(client.deployments.create({ moduleId: 'm-v1.0.0', strategy: 'Canary' })).rejects.toMatchObject({
      name: 'HotSwapError',
      code: 'HS_DEPLOYMENT_ACTIVE',
      message: 'Deployment {x} is active',
      httpStatus: 409,
      retryable: true,
      details: { deploymentId: 'd1', requestId: 'r1', errors: [{ pointer: '/moduleId', detail: 'is busy' }] },
    });
  });

  it('tells a server that is away from one that answers nonsense', async () => {
    answer = (_request, response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>');
    await expect(client.nodes.list()).rejects.toMatchObject({ code: 'HS_CLIENT_UNEXPECTED_ANSWER' });
    answer = json(500, { oops: true });
    await expect(client.nodes.list()).rejects.toMatchObject({ code: 'HS_CLIENT_UNEXPECTED_ANSWER' });
    await expect(createHotSwapClient({ baseUrl: 'http://127.0.0.1:1' }).health()).rejects.toMatchObject({
      code: 'HS_CLIENT_UNREACHABLE',
      retryable: true,
    });
    expect(await createHotSwapClient({ baseUrl: 'http://127.0.0.1:1' }).ready()).toBe(false);
  });

  it('escapes names, sends the token, keys and tags, and leaves out what is absent', async () => {
    answer = json(200, { nodes: [], nextCursor: null });
    await client.nodes.list({ region: 'us-east', limit: 5 });
    await client.deployments.abort('a/b', { reason: 'x' }, { idempotencyKey: 'k', ifMatch: '"t"' });
    await client.modules.invoke('greeter', 'ns:pkg/iface@1.0.0#run', {
      args: [1],
      timeoutMs: 5,
      stickyKey: 'me',
      version: '1.0.0',
    });
    expect(seen.map((request) => `${request.method} ${request.url}`)).toEqual([
      'GET /api/v1/wasm/nodes?region=us-east&limit=5',
      'POST /api/v1/wasm/deployments/a%2Fb/abort',
      'POST /api/v1/wasm/modules/greeter/functions/ns%3Apkg%2Fiface%401.0.0%23run/invoke',
    ]);
    expect(seen[0]?.headers.authorization).toBe('Bearer secret');
    expect(seen[1]).toMatchObject({ body: '{"reason":"x"}', headers: { 'idempotency-key': 'k', 'if-match': '"t"' } });
    expect(seen[2]).toMatchObject({
      body: '{"args":[1]}',
      headers: { 'x-hotswap-timeout-ms': '5', 'x-hotswap-sticky': 'me', 'x-hotswap-version': '1.0.0' },
    });
  });

  it('streams modules as they are, with what is said of them in the query', async () => {
    answer = json(201, { moduleId: 'm-v1.0.0' });
    await client.modules.register({ name: 'm', healthCheck: { enabled: false }, wasm: Buffer.from('bytes') });
    expect(seen[0]).toMatchObject({
      url: '/api/v1/wasm/modules?name=m&healthCheck=%7B%22enabled%22%3Afalse%7D',
      body: 'bytes',
      headers: { 'content-type': 'application/wasm' },
    });
  });

  it('goes on with a stream where it was cut off, and ends at a final status', async () => {
    const entry = (seq: number): string =>
      formatSse({ event: 'entry', id: seq, data: JSON.stringify({ kind: 'entry', entry: { seq } }) });
    const status = (text: string): string =>
      formatSse({ event: 'status', data: JSON.stringify({ kind: 'status', deployment: { status: text } }) });
    const parts = [`${entry(0)}${status('InProgress')}`, `${entry(1)}${status('Completed')}${entry(2)}`];
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(parts[seen.length - 1] ?? '');
    };
    const events = await collect(client.deployments.watch('d1'));
    expect(events.map((event) => event.kind)).toEqual(['entry', 'status', 'entry', 'status']);
    expect(seen.map((request) => request.headers['last-event-id'])).toEqual([undefined, '0']);
  });

  it('ends a stream that the server refuses, and one that the caller leaves', async () => {
    answer = json(404, {
      type: 't',
      title: 'Not Found',
      status: 404,
      detail: 'none',
      code: 'HS_DEPLOYMENT_NOT_FOUND',
      requestId: 'r',
    });
    await expect(collect(client.deployments.watch('d1'))).rejects.toMatchObject({ code: 'HS_DEPLOYMENT_NOT_FOUND' });
    answer = (_request, response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
    const abort = new AbortController();
    const watching = collect(client.deployments.watch('d1', { signal: abort.signal }));
    await expect.poll(() => seen.length).toBe(2);
    abort.abort();
    expect(await watching).toEqual([]);
  });
});
