import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ForwardFront } from './forward-front.ts';

describe('what Gateway.forward passes on', () => {
  let front: ForwardFront;
  beforeEach(async () => {
    front = await ForwardFront.start();
  });
  afterEach(async () => {
    await front[Symbol.asyncDispose]();
  });

  it('passes method, path, query, headers and body on, and the answer back', async () => {
    front.node(0).answer = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'x-said': body, 'content-type': 'text/plain' });
      response.end('made');
    };
    const response = await fetch(`${front.url}/items/1?q=%20a`, {
      method: 'PUT',
      body: 'hello',
      headers: { 'x-own': 'yes', cookie: 'session=1' },
    });
    expect([response.status, await response.text(), response.headers.get('x-said')]).toEqual([201, 'made', 'hello']);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('x-request-id')).toBe('req-1');
    expect(response.headers.get('x-hotswap-version')).toBe('1.0.0');
    expect(front.node(0).seen[0]).toMatchObject({
      method: 'PUT',
      url: '/http/shop/items/1?q=%20a',
      headers: { 'x-own': 'yes', cookie: 'session=1', 'content-length': '5' },
    });
  });

  it("gives the module's headers back byte for byte, less those of the connection", async () => {
    const name = Buffer.from('Grüße').toString('latin1');
    front.node(0).answer = (_request, response) => {
      const headers = [
        'X-Name',
        name,
        'X-Twice',
        '1',
        'X-Twice',
        '2',
        'Connection',
        'X-Private, close',
        'X-Private',
        '1',
      ];
      response.writeHead(200, ['x-hotswap-version', '1.0.0', ...headers, 'X-Request-Id', 'forged']).end();
    };
    const request = httpRequest(`${front.url}/`);
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.headers['x-name']).toBe(name);
    expect(response.rawHeaders.filter((_, i) => response.rawHeaders[i - 1] === 'X-Twice')).toEqual(['1', '2']);
    expect(response.headers).not.toHaveProperty('x-private');
    expect(response.headers['x-request-id']).toBe('req-1');
  });

  it('replaces what a client could forge and drops what belongs to its connection', async () => {
    const request = httpRequest(`${front.url}/`, {
      headers: {
        authorization: 'Bearer secret',
        'x-forwarded-for': '1.2.3.4',
        forwarded: 'for=1.2.3.4',
        'x-hotswap-version': '9.9.9',
        'x-hotswap-sticky': 'x',
        connection: 'close, x-private',
        'x-private': '1',
        te: 'trailers',
        host: 'shop.example.org',
      },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    const { headers } = front.node(0).seen[0] as (typeof front.nodes)[0]['seen'][0];
    expect(headers).toMatchObject({
      authorization: 'Bearer token-node-0',
      'x-hotswap-version': 'rel-1',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-host': 'shop.example.org',
      'x-forwarded-proto': 'http',
      'x-forwarded-prefix': '/modules/shop',
    });
    for (const gone of ['forwarded', 'x-private', 'x-hotswap-sticky']) expect(headers[gone]).toBeUndefined();
    expect(headers['te']).toBe('trailers');
  });

  it('passes the trailers of an answer on, but for those that would change what has been read', async () => {
    front.node(0).answer = (_request, response) => {
      response.writeHead(200, { trailer: 'x-checksum, set-cookie' });
      response.write('body');
      response.addTrailers({
        ...{ 'x-checksum': 'abc', 'set-cookie': 'a=1', 'content-type': 'text/html', location: '/x' },
        ...{ 'x-hotswap-version': 'forged', 'x-request-id': 'forged', authorization: 'Bearer x' },
      });
      response.end();
    };
    const request = httpRequest(`${front.url}/`, { headers: { te: 'trailers' } });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    expect([body, response.headers.trailer]).toEqual(['body', 'x-checksum, set-cookie']);
    expect(response.trailers).toEqual({ 'x-checksum': 'abc' });
    expect(front.node(0).seen[0]?.headers['te']).toBe('trailers');
  });

  it.each([
    ['a client of HTTP/1.0', 'GET / HTTP/1.0', 'body', {}, 200],
    ['HEAD', 'HEAD / HTTP/1.1', '', {}, 200],
    ['an answer of known length', 'GET / HTTP/1.1', 'body', { 'content-length': '4' }, 200],
    ['an answer that has no body', 'GET / HTTP/1.1', '', {}, 304],
    ['an answer that has none at all', 'GET / HTTP/1.1', '', {}, 204],
  ])('passes an answer that announces trailers on without them: %s', async (_case, line, body, headers, status) => {
    front.node(0).answer = (request, response) => {
      const head = Object.entries({ ...headers, trailer: 'x-checksum', 'x-hotswap-version': '1.0.0' });
      const text = head.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const isWhole = request.method === 'HEAD' || status !== 200 || 'content-length' in headers;
      const framing = isWhole ? '' : 'transfer-encoding: chunked\r\n';
      const rest = isWhole ? body : `4\r\n${body}\r\n0\r\nx-checksum: abc\r\n\r\n`;
      response.socket?.end(`HTTP/1.1 ${status} Said\r\n${text}${framing}connection: close\r\n\r\n${rest}`);
    };
    const answer = await front.rawAnswer(`${line}\r\nhost: here\r\nte: trailers\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.toLowerCase()).not.toContain('trailer: ');
    expect(answer.endsWith(`\r\n\r\n${body}`)).toBe(true);
    expect(front.gateway.httpStats()).toMatchObject({ failed: 0, retried: 0 });
  });

  it('asks nodes for no trailers where the client has not said that it reads them', async () => {
    await (await fetch(`${front.url}/`)).text();
    expect(front.node(0).seen[0]?.headers['te']).toBeUndefined();
  });

  it('drops trailers of requests, announced or not, and passes the body on whole', async () => {
    const arrived: unknown[] = [];
    front.node(0).answer = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const { headers, trailers } = request;
      arrived.push([body, headers.trailer, headers['x-checksum'], trailers]);
      response.end('ok');
    };
    for (const announced of [true, false]) {
      const asking = httpRequest(front.url, {
        method: 'POST',
        headers: { 'transfer-encoding': 'chunked', ...(announced ? { trailer: 'x-checksum' } : {}) },
      });
      asking.write('first ');
      asking.addTrailers({ 'x-checksum': 'abc' });
      asking.end('second');
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      answer.resume();
      await once(answer, 'end');
      expect(answer.statusCode).toBe(200);
    }
    expect(arrived).toEqual(Array.from({ length: 2 }, () => ['first second', undefined, undefined, {}]));
  });

  it.each(['gzip, chunked', 'deflate, chunked'])(
    'sends no body on whose coding %s the module would not hear of',
    async (coding) => {
      const head = `POST / HTTP/1.1\r\nhost: here\r\nconnection: close\r\ntransfer-encoding: ${coding}\r\n\r\n`;
      const answer = await front.rawAnswer(`${head}3\r\nabc\r\n0\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1.1 501 /);
      expect(answer).toContain('x-code: HS_ROUTE_CODING_REFUSED');
      expect(front.node(0).seen).toEqual([]);
    },
  );
});
