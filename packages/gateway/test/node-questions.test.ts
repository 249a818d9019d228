import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NodeQuestions } from '@hotswap/gateway';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

describe('NodeQuestions', () => {
  let server: Server;
  let answer: Handler;
  let questions: NodeQuestions;
  let signed: string[];
  let tenants: string[];

  beforeEach(async () => {
    signed = [];
    tenants = [];
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
      request.on('end', () => answer(request, response, body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    questions = new NodeQuestions((nodeId, _lifetimeMs, tenant) => {
      signed.push(nodeId);
      tenants.push(tenant);
      return Promise.resolve(`for-${nodeId}-${signed.length}`);
    });
  });
  afterEach(async () => {
    await questions[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const node = (nodeId = 'edge-1', tenant = 'default') => ({
    tenant,
    nodeId,
    dataPlaneUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
  const json = (response: ServerResponse, status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const ask = (options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<unknown> =>
    questions.ask(node(), '/node/logs', { limit: 1 }, { timeoutMs: 5_000, ...options });

  it('posts with a token for the node, one for many questions, and brings back what is answered', async () => {
    answer = ({ method, url, headers: { authorization } }, response, body) =>
      json(response, 200, { method, url, authorization, body: JSON.parse(body) as unknown });
    for (let i = 0; i < 2; i++)
      expect(await ask()).toEqual({
        method: 'POST',
        url: '/node/logs',
        authorization: 'Bearer for-edge-1-1',
        body: { limit: 1 },
      });
    expect(signed).toEqual(['edge-1']);
  });

  it('asks nodes of one name of two tenants with a token for each', async () => {
    answer = ({ headers }, response) => json(response, 200, headers.authorization);
    const of = (tenant: string): Promise<unknown> =>
      questions.ask(node('edge-1', tenant), '/node/logs', {}, { timeoutMs: 5_000 });
    expect([await of('acme'), await of('umbrella'), await of('acme')]).toEqual([
      'Bearer for-edge-1-1',
      'Bearer for-edge-1-2',
      'Bearer for-edge-1-1',
    ]);
    expect(tenants).toEqual(['acme', 'umbrella']);
  });

  it('signs anew after a token was refused', async () => {
    answer = (_request, response) => json(response, 401, {});
    await expect(ask()).rejects.toMatchObject({ code: 'HS_ROUTE_NODE_REFUSED' });
    answer = ({ headers }, response) => json(response, 200, headers.authorization);
    expect(await ask()).toBe('Bearer for-edge-1-2');
  });

  const problem = { type: 't', title: 't', status: 400, code: 'HS_AGENT_X', detail: 'it is wrong', requestId: 'r' };

  it.each<[string, Handler, string, string]>([
    ['refuses', (_q, r) => json(r, 400, problem), 'HS_ROUTE_NODE_REFUSED', 'HS_AGENT_X: it is wrong'],
    ['answers no JSON', (_q, r) => void r.end('<html>'), 'HS_ROUTE_NODE_REFUSED', 'no JSON'],
    ['refuses without a reason', (_q, r) => void r.writeHead(500).end(), 'HS_ROUTE_NODE_REFUSED', 'status 500'],
    ['stops', (_q, r) => json(r, 503, problem), 'HS_ROUTE_NODE_UNREACHABLE', 'busy'],
    ['breaks off', (_q, r) => void r.socket?.destroy(), 'HS_ROUTE_NODE_UNREACHABLE', 'edge-1'],
    [
      'breaks off in the middle',
      (_q, r) => void r.writeHead(200, { 'content-length': 100 }).write('{', () => r.socket?.destroy()),
      'HS_ROUTE_NODE_UNREACHABLE',
      'edge-1',
    ],
  ])('says so when the node %s', async (_what, handler, code, text) => {
    answer = handler;
    await expect(ask()).rejects.toMatchObject({ code, message: expect.stringContaining(text) as string });
  });

  it('gives up in the time that there is', async () => {
    answer = () => undefined;
    await expect(ask({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'HS_ROUTE_TIMEOUT', httpStatus: 504 });
    answer = (_request, response) => void response.writeHead(200).write('{');
    await expect(ask({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'HS_ROUTE_TIMEOUT' });
  });

  it('ends with the caller, who gets its own reason back', async () => {
    const caller = new AbortController();
    const reason = new RangeError('left');
    answer = () => caller.abort(reason);
    await expect(ask({ signal: caller.signal })).rejects.toBe(reason);
  });

  it('says that nobody is there', async () => {
    const { port } = server.address() as AddressInfo;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const gone = { tenant: 'default', nodeId: 'edge-1', dataPlaneUrl: `http://127.0.0.1:${port}` };
    await expect(questions.ask(gone, '/', {}, { timeoutMs: 5_000 })).rejects.toMatchObject({
      code: 'HS_ROUTE_NODE_UNREACHABLE',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
});
