import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isHotSwapError, type ModuleHttp, type Route, type RouteTarget } from '@hotswap/core';
import { Gateway, type GatewayOptions } from '@hotswap/gateway';
import { planeProblem, StreamingNode } from './streaming-node.ts';

const byAddress: ModuleHttp = { hosts: [], pathPrefix: '/', access: 'keys', affinity: null };

describe('Gateway.forward', () => {
  let nodes: StreamingNode[];
  let routes: Map<string, Route>;
  let gateway: Gateway;
  let front: Server;
  let url: string;
  let remoteAddress: string;
  let version: string | undefined;
  /** Something else has answered the client before the node does. */
  let isAnswered: boolean;
  let sourceReads = 0;

  const target = (i: number, releaseId = 'rel-1', more: Partial<RouteTarget> = {}): RouteTarget => ({
    nodeId: `node-${i}`,
    dataPlaneUrl: nodes[i]?.url ?? '',
    publicUrl: null,
    releaseId,
    moduleId: `shop-v${releaseId.slice(4)}.0.0`,
    version: `${releaseId.slice(4)}.0.0`,
    http: byAddress,
    weight: 100,
    ...more,
  });
  const setRoute = (revision: number, targets: readonly RouteTarget[]): void =>
    void routes.set('shop', { tenant: 'default', moduleName: 'shop', revision, targets, matches: [] });

  const makeGateway = (options: Partial<GatewayOptions> = {}): Gateway =>
    new Gateway({
      instanceId: 'gateway-1',
      searchMs: 300,
      source: {
        all: () => Promise.resolve([...routes.values()]),
        find: (_tenant, name) => {
          sourceReads++;
          return Promise.resolve(routes.get(name) ?? null);
        },
        subscribe: () => () => undefined,
      },
      board: {
        acknowledge: () => Promise.resolve(),
        leave: () => Promise.resolve(),
        servedRevision: () => Promise.resolve(null),
      },
      signToken: (nodeId) => Promise.resolve(`token-${nodeId}`),
      ...options,
    });

  beforeEach(async () => {
    nodes = await Promise.all([StreamingNode.start(), StreamingNode.start()]);
    routes = new Map();
    remoteAddress = '203.0.113.7';
    version = undefined;
    isAnswered = false;
    setRoute(1, [target(0)]);
    gateway = makeGateway();
    front = createServer((request, response) => {
      const call = {
        tenant: 'default',
        moduleName: 'shop',
        url: request.url ?? '/',
        prefix: '/modules/shop',
        requestId: 'req-1',
        scheme: 'http' as const,
        remoteAddress,
        version,
        onHead: () => undefined,
        request,
        response,
      };
      if (isAnswered) response.flushHeaders();
      gateway.forward(call).catch((error: unknown) => {
        if (!response.headersSent && !response.destroyed && isHotSwapError(error))
          response.writeHead(error.httpStatus, { 'x-code': error.code, connection: 'close' }).end();
        else response.destroy();
      });
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
    await gateway.start();
  });

  afterEach(async () => {
    front.closeAllConnections();
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    await gateway.stop();
    await new Promise((resolve) => front.close(resolve));
  });

  const node = (i: number): StreamingNode => nodes[i] as StreamingNode;
  /** All that comes on a connection of its own. */
  const rawAnswer = async (request: string): Promise<string> => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('latin1');
    socket.write(request);
    let answer = '';
    for await (const text of socket) answer += String(text);
    return answer;
  };
  const codeOf = async (init?: RequestInit): Promise<string | null> =>
    (await fetch(`${url}/`, init)).headers.get('x-code');

  it('passes method, path, query, headers and body on, and the answer back', async () => {
    node(0).answer = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'x-said': body, 'content-type': 'text/plain' });
      response.end('made');
    };
    const response = await fetch(`${url}/items/1?q=%20a`, {
      method: 'PUT',
      body: 'hello',
      headers: { 'x-own': 'yes', cookie: 'session=1' },
    });
    expect([response.status, await response.text(), response.headers.get('x-said')]).toEqual([201, 'made', 'hello']);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(response.headers.get('x-request-id')).toBe('req-1');
    expect(response.headers.get('x-hotswap-version')).toBe('1.0.0');
    expect(node(0).seen[0]).toMatchObject({
      method: 'PUT',
      url: '/http/shop/items/1?q=%20a',
      headers: { 'x-own': 'yes', cookie: 'session=1', 'content-length': '5' },
    });
  });

  it("gives the module's headers back byte for byte, less those of the connection", async () => {
    const name = Buffer.from('Grüße').toString('latin1');
    node(0).answer = (_request, response) => {
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
    const request = httpRequest(`${url}/`);
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    expect(response.headers['x-name']).toBe(name);
    expect(response.rawHeaders.filter((_, i) => response.rawHeaders[i - 1] === 'X-Twice')).toEqual(['1', '2']);
    expect(response.headers).not.toHaveProperty('x-private');
    expect(response.headers['x-request-id']).toBe('req-1');
  });

  it('replaces what a client could forge and drops what belongs to its connection', async () => {
    const request = httpRequest(`${url}/`, {
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
    const { headers } = node(0).seen[0] as (typeof nodes)[0]['seen'][0];
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
    node(0).answer = (_request, response) => {
      response.writeHead(200, { trailer: 'x-checksum, set-cookie' });
      response.write('body');
      response.addTrailers({
        ...{ 'x-checksum': 'abc', 'set-cookie': 'a=1', 'content-type': 'text/html', location: '/x' },
        ...{ 'x-hotswap-version': 'forged', 'x-request-id': 'forged', authorization: 'Bearer x' },
      });
      response.end();
    };
    const request = httpRequest(`${url}/`, { headers: { te: 'trailers' } });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let body = '';
    for await (const chunk of response) body += String(chunk);
    expect([body, response.headers.trailer]).toEqual(['body', 'x-checksum, set-cookie']);
    expect(response.trailers).toEqual({ 'x-checksum': 'abc' });
    expect(node(0).seen[0]?.headers['te']).toBe('trailers');
  });

  it.each([
    ['a client of HTTP/1.0', 'GET / HTTP/1.0', 'body', {}, 200],
    ['HEAD', 'HEAD / HTTP/1.1', '', {}, 200],
    ['an answer of known length', 'GET / HTTP/1.1', 'body', { 'content-length': '4' }, 200],
    ['an answer that has no body', 'GET / HTTP/1.1', '', {}, 304],
    ['an answer that has none at all', 'GET / HTTP/1.1', '', {}, 204],
  ])('passes an answer that announces trailers on without them: %s', async (_case, line, body, headers, status) => {
    node(0).answer = (request, response) => {
      const head = Object.entries({ ...headers, trailer: 'x-checksum', 'x-hotswap-version': '1.0.0' });
      const text = head.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      const isWhole = request.method === 'HEAD' || status !== 200 || 'content-length' in headers;
      const framing = isWhole ? '' : 'transfer-encoding: chunked\r\n';
      const rest = isWhole ? body : `4\r\n${body}\r\n0\r\nx-checksum: abc\r\n\r\n`;
      response.socket?.end(`HTTP/1.1 ${status} Said\r\n${text}${framing}connection: close\r\n\r\n${rest}`);
    };
    const answer = await rawAnswer(`${line}\r\nhost: here\r\nte: trailers\r\nconnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.toLowerCase()).not.toContain('trailer: ');
    expect(answer.endsWith(`\r\n\r\n${body}`)).toBe(true);
    expect(gateway.httpStats()).toMatchObject({ failed: 0, retried: 0 });
  });

  it('takes a node for a healthy one when its answer cannot be given to the client', async () => {
    isAnswered = true;
    await (await fetch(`${url}/`)).text().catch(() => undefined);
    isAnswered = false;
    expect(node(0).seen).toHaveLength(1);
    expect((await fetch(`${url}/`)).status).toBe(200);
  });

  it('asks nodes for no trailers where the client has not said that it reads them', async () => {
    await (await fetch(`${url}/`)).text();
    expect(node(0).seen[0]?.headers['te']).toBeUndefined();
  });

  it('streams both ways: the answer begins and goes on while the request is being sent', async () => {
    node(0).answer = (request, response) => {
      response.writeHead(200);
      request.on('data', (chunk: Buffer) => response.write(chunk.toString().toUpperCase()));
      request.on('end', () => response.end());
    };
    const request = httpRequest(`${url}/`, { method: 'POST' });
    request.write('one');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('ONE');
    request.write('two');
    expect(String((await once(response, 'data'))[0])).toBe('TWO');
    request.end();
    await once(response, 'end');
  });

  it('reads an answer no faster than the client takes it', async () => {
    const totalBytes = 64 * 1_048_576;
    let written = 0;
    node(0).answer = (_request, response) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (written < totalBytes) {
          written += chunk.byteLength;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    };
    const request = httpRequest(`${url}/`);
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    let before = -1;
    await expect
      .poll(
        () => {
          const isStill = written === before;
          before = written;
          return isStill;
        },
        { interval: 100 },
      )
      .toBe(true);
    expect(written).toBeLessThan(totalBytes / 2);
    let read = 0;
    for await (const chunk of response) read += (chunk as Buffer).byteLength;
    expect(read).toBe(totalBytes);
  });

  it('keeps a client on one version, which only moves to the one that grows', async () => {
    const versionsAt = async (weight: number): Promise<Map<string, string>> => {
      setRoute(weight + 2, [target(0, 'rel-1', { weight: 100 - weight }), target(1, 'rel-2', { weight })]);
      gateway = makeGateway();
      await gateway.start();
      const found = new Map<string, string>();
      for (let client = 0; client < 40; client++) {
        remoteAddress = `203.0.113.${client}`;
        const count = [node(0).seen.length, node(1).seen.length];
        for (let i = 0; i < 2; i++) await (await fetch(`${url}/`)).text();
        const one = node(0).seen.length - (count[0] ?? 0);
        expect([0, 2]).toContain(one);
        found.set(remoteAddress, one === 2 ? 'rel-1' : 'rel-2');
      }
      await gateway.stop();
      return found;
    };
    let before = await versionsAt(10);
    for (const weight of [40, 90]) {
      const after = await versionsAt(weight);
      for (const [client, at] of before) if (at === 'rel-2') expect([client, after.get(client)]).toEqual([client, at]);
      before = after;
    }
    expect(new Set(before.values())).toContain('rel-2');
  });

  it('brings requests that a rollout describes to its release, whatever its share', async () => {
    routes.set('shop', {
      tenant: 'default',
      moduleName: 'shop',
      revision: 2,
      targets: [target(0, 'rel-1', { weight: 1_000_000 }), target(1, 'rel-2', { weight: 1 })],
      matches: [
        { releaseId: 'rel-gone', when: { header: 'x-old' } },
        { releaseId: 'rel-2', when: { cookie: 'beta', value: 'yes' } },
        { releaseId: 'rel-2', when: { header: 'x-tester' } },
      ],
    });
    gateway = makeGateway();
    await gateway.start();
    const answeredBy = async (headers: Record<string, string>): Promise<number> => {
      const before = node(1).seen.length;
      await (await fetch(`${url}/`, { headers })).text();
      return node(1).seen.length - before;
    };
    expect(await answeredBy({ 'x-tester': 'ada' })).toBe(1);
    expect(await answeredBy({ cookie: 'a=b; beta=yes' })).toBe(1);
    expect(await answeredBy({ cookie: 'beta=no' })).toBe(0);
    expect(await answeredBy({ 'x-tester': '' })).toBe(0);
    expect(await answeredBy({ 'x-old': '1' })).toBe(0);
  });

  it.each([
    ['a header', { header: 'x-user' }, (user: string) => ({ 'x-user': user })],
    ['a cookie', { cookie: 'session' }, (user: string) => ({ cookie: `other=1; session=${user}` })],
  ])('knows clients by %s where the module says so', async (_name, affinity, headersOf) => {
    const http = { ...byAddress, affinity };
    setRoute(2, [target(0, 'rel-1', { http, weight: 50 }), target(1, 'rel-2', { http, weight: 50 })]);
    gateway = makeGateway();
    await gateway.start();
    const releases = new Set<string>();
    for (let user = 0; user < 20; user++) {
      const seenBy = new Set<string>();
      for (let i = 0; i < 3; i++) {
        remoteAddress = `203.0.113.${user * 3 + i}`;
        const count = node(0).seen.length;
        await (await fetch(`${url}/`, { headers: headersOf(`user-${user}`) })).text();
        seenBy.add(node(0).seen.length > count ? 'rel-1' : 'rel-2');
      }
      expect(seenBy.size).toBe(1);
      releases.add([...seenBy][0] as string);
    }
    expect(releases.size).toBe(2);
  });

  it('goes to the version that it is told, and says so when it gets no traffic', async () => {
    setRoute(2, [target(0, 'rel-1', { weight: 99 }), target(1, 'rel-2', { weight: 1 })]);
    gateway = makeGateway();
    await gateway.start();
    version = '2.0.0';
    for (let i = 0; i < 5; i++) await (await fetch(`${url}/`)).text();
    expect(node(1).seen).toHaveLength(5);
    version = '7.0.0';
    expect(await codeOf()).toBe('HS_ROUTE_VERSION_NOT_SERVED');
  });

  it.each([
    ['the version is not there', 421, 'HS_HTTP_VERSION_NOT_HERE'],
    ['it serves no release of the module', 421, 'HS_AGENT_MODULE_NOT_HERE'],
    ['it has no route yet', 404, 'HS_HTTP_NO_ROUTE'],
    ['it stops', 503, 'HS_AGENT_STOPPING'],
    ['it has too much to do', 503, 'HS_HTTP_OVERLOADED'],
    ['it knows the token no longer', 401, 'HS_HTTP_UNAUTHORIZED'],
  ])('asks another node when %s, with the whole body', async (_name, status, code) => {
    setRoute(2, [target(0), target(1)]);
    await gateway.stop();
    gateway = makeGateway();
    await gateway.start();
    node(0).answer = planeProblem(status, code);
    node(1).answer = (request, response) => void request.pipe(response);
    const body = 'x'.repeat(100_000);
    for (let i = 0; i < 8; i++) expect(await (await fetch(`${url}/`, { method: 'POST', body })).text()).toBe(body);
    expect(gateway.httpStats().retried).toBe(node(0).seen.length);
  });

  it('asks another node when one cannot be reached', async () => {
    setRoute(2, [target(0), target(1)]);
    await gateway.stop();
    gateway = makeGateway();
    await gateway.start();
    await node(0)[Symbol.asyncDispose]();
    node(1).answer = (request, response) => void request.pipe(response);
    for (let i = 0; i < 10; i++)
      expect(await (await fetch(`${url}/`, { method: 'POST', body: `body ${i}` })).text()).toBe(`body ${i}`);
  });

  it('asks once more for HEAD, whose refusals have no body', async () => {
    setRoute(2, [target(0), target(1)]);
    await gateway.stop();
    gateway = makeGateway();
    await gateway.start();
    node(0).answer = planeProblem(404, 'HS_HTTP_NO_ROUTE');
    for (let i = 0; i < 8; i++) expect((await fetch(`${url}/`, { method: 'HEAD' })).status).toBe(200);
  });

  it("never repeats what a node may have run, and takes a guest's own refusals for answers", async () => {
    setRoute(2, [target(0), target(1)]);
    await gateway.stop();
    gateway = makeGateway();
    await gateway.start();
    for (const one of nodes) one.answer = (request) => void request.socket.destroy();
    expect(await codeOf()).toBe('HS_ROUTE_NODE_LOST');
    expect(node(0).seen.length + node(1).seen.length).toBe(1);
    await gateway.stop();
    gateway = makeGateway();
    await gateway.start();
    for (const one of nodes) one.answer = (_request, response) => void response.writeHead(503).end('busy');
    expect((await fetch(`${url}/`)).status).toBe(503);
    expect(node(0).seen.length + node(1).seen.length).toBe(2);
  });

  it('cuts the connection when an answer breaks off after its head', async () => {
    node(0).answer = (request, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.write('half');
      setTimeout(() => request.socket.destroy(), 20);
    };
    const response = await fetch(`${url}/`);
    await expect(response.text()).rejects.toThrow();
    await expect.poll(() => gateway.httpStats()).toMatchObject({ cut: 1, inFlight: 0 });
  });

  it('lets the node know when the client leaves, before the head and after it', async () => {
    const gone: Promise<unknown>[] = [];
    node(0).answer = (request, response) => {
      gone.push(once(response, 'close'));
      if (request.url?.endsWith('stream') === true) response.write('first');
    };
    for (const path of ['silent', 'stream']) {
      const left = new AbortController();
      const answer = fetch(`${url}/${path}`, { signal: left.signal });
      answer.catch(() => undefined);
      await expect.poll(() => gone.length).toBe(path === 'silent' ? 1 : 2);
      left.abort();
    }
    await Promise.all(gone);
    await expect.poll(() => gateway.httpStats()).toMatchObject({ inFlight: 0, abandoned: 1, cut: 1 });
  });

  it('survives clients that leave at any moment, and holds nothing of them', async () => {
    node(0).answer = (request, response) => {
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => response.write(chunk));
      request.on('end', () => response.end());
    };
    const leaveAt = async (round: number): Promise<void> => {
      const request = httpRequest(`${url}/`, { method: 'POST', agent: false });
      request.on('error', () => undefined);
      const closed = new Promise<void>((resolve) => request.once('close', resolve));
      request.on('response', (response) => {
        response.on('error', () => undefined);
        if (round % 5 === 3) response.once('data', () => request.destroy());
        else if (round % 5 === 4) request.destroy();
        else response.resume();
      });
      for (let i = 0; i < 3; i++) {
        if (round % 5 === i) {
          request.destroy();
          break;
        }
        request.write('x'.repeat(1 + ((round * 7_919) % 40_000)));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await closed;
    };
    for (let round = 0; round < 500; round += 20)
      await Promise.all(Array.from({ length: 20 }, (_, i) => leaveAt(round + i)));
    await expect.poll(() => gateway.httpStats().inFlight).toBe(0);
    const response = await fetch(`${url}/`, { method: 'POST', body: 'still here' });
    expect(await response.text()).toBe('still here');
  });

  it('refuses bodies beyond the limit, announced or not', async () => {
    await gateway.stop();
    gateway = makeGateway({ maxBodyBytes: 1_000_000 });
    await gateway.start();
    node(0).answer = (request, response) => {
      request.resume();
      request.on('end', () => response.end());
    };
    const announced = await codeOf({ method: 'POST', body: Buffer.alloc(1_000_001) });
    expect([announced, node(0).seen.length]).toEqual(['HS_ROUTE_BODY_TOO_LARGE', 0]);
    const request = httpRequest(`${url}/`, { method: 'POST' });
    request.on('error', () => undefined);
    const [response] = await Promise.all([
      once(request, 'response').then(([first]) => first as IncomingMessage),
      (async () => {
        for (let i = 0; i < 40 && !request.destroyed; i++) {
          if (!request.write(Buffer.alloc(65_536))) await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })(),
    ]);
    expect(response.headers['x-code']).toBe('HS_ROUTE_BODY_TOO_LARGE');
  });

  it('takes an answer that comes before the body has been read, and the next request on the same connection', async () => {
    node(0).answer = (_request, response) => void response.writeHead(409).end('no');
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${url}/`, { method: 'POST', body: Buffer.alloc(3_000_000) });
      expect([response.status, await response.text()]).toEqual([409, 'no']);
    }
    await expect.poll(() => gateway.httpStats().inFlight).toBe(0);
  });

  it('refuses more requests than it may hold, and tells of nodes that are all busy', async () => {
    await gateway.stop();
    gateway = makeGateway({ maxInFlight: 1 });
    await gateway.start();
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
    node(0).answer = async (_request, response) => {
      await mayAnswer;
      response.end();
    };
    const first = fetch(`${url}/`);
    await expect.poll(() => node(0).seen.length).toBe(1);
    expect(await codeOf()).toBe('HS_ROUTE_OVERLOADED');
    answer();
    expect((await first).status).toBe(200);
    node(0).answer = planeProblem(503, 'HS_HTTP_OVERLOADED');
    expect(await codeOf()).toBe('HS_ROUTE_OVERLOADED');
    expect(gateway.httpStats().overloaded).toBe(2);
  });

  it('waits for streams when it is drained, and cuts those that go on', async () => {
    node(0).answer = (_request, response) => void response.write('on and on');
    const response = await fetch(`${url}/`);
    expect(await gateway.drainHttp(50)).toBe(1);
    await expect(response.text()).rejects.toThrow();
    expect(await gateway.drainHttp(50)).toBe(0);
  });

  it('drops trailers of requests, announced or not, and passes the body on whole', async () => {
    const arrived: unknown[] = [];
    node(0).answer = async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const { headers, trailers } = request;
      arrived.push([body, headers.trailer, headers['x-checksum'], trailers]);
      response.end('ok');
    };
    for (const announced of [true, false]) {
      const asking = httpRequest(url, {
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

  it('says which node it could not reach, until that one has answered again', async () => {
    const at = nodes[0]?.url ?? '';
    setRoute(2, [target(0), target(1)]);
    await gateway.stop();
    gateway = makeGateway();
    await gateway.start();
    expect([gateway.canReach(at), gateway.canReach('http://127.0.0.1:1')]).toEqual([true, true]);
    const port = Number(new URL(at).port);
    await nodes[0]?.[Symbol.asyncDispose]();
    for (let i = 0; i < 20; i++) expect((await fetch(`${url}/`)).status).toBe(200);
    expect([gateway.canReach(at), gateway.canReach(nodes[1]?.url ?? '')]).toEqual([false, true]);
    const back = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'x-hotswap-version': '1.0.0' }).end();
    });
    await new Promise<void>((resolve) => back.listen(port, '127.0.0.1', resolve));
    await expect
      .poll(async () => (await fetch(`${url}/`)).status === 200 && gateway.canReach(at), { timeout: 8_000 })
      .toBe(true);
    back.closeAllConnections();
    await new Promise((resolve) => back.close(resolve));
  });

  it('is public only where every release is, and serves by those alone that are reached by HTTP', async () => {
    const open = { ...byAddress, access: 'public' as const };
    const accessOf = async (targets: readonly RouteTarget[]): Promise<string | undefined> => {
      setRoute((routes.get('shop')?.revision ?? 0) + 1, targets);
      await gateway.stop();
      gateway = makeGateway();
      await gateway.start();
      return (await gateway.http('default', 'shop'))?.access;
    };
    expect(await accessOf([target(0, 'rel-1', { http: open }), target(1, 'rel-2', { http: open })])).toBe('public');
    expect(await accessOf([target(0, 'rel-1', { http: open }), target(1, 'rel-2')])).toBe('keys');
    expect(await accessOf([target(0, 'rel-1', { http: null })])).toBeUndefined();
    expect(await gateway.http('default', 'unknown')).toBeNull();
    const reads = sourceReads;
    expect(gateway.knownHttp('default', 'another')).toBeNull();
    expect([sourceReads, reads > 0]).toEqual([reads, true]);
    expect(await accessOf([target(0, 'rel-1', { http: open }), target(1, 'rel-2', { http: null, weight: 900 })])).toBe(
      'public',
    );
    for (let i = 0; i < 10; i++) {
      remoteAddress = `198.51.100.${i}`;
      expect((await fetch(`${url}/`)).status).toBe(200);
    }
    expect([node(0).seen.length, node(1).seen.length]).toEqual([10, 0]);
  });
});
