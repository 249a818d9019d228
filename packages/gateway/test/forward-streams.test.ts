import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ForwardFront } from './forward-front.ts';
import { planeProblem } from './streaming-node.ts';

describe('streams of Gateway.forward', () => {
  let front: ForwardFront;
  beforeEach(async () => {
    front = await ForwardFront.start();
  });
  afterEach(async () => {
    await front[Symbol.asyncDispose]();
  });

  it('streams both ways: the answer begins and goes on while the request is being sent', async () => {
    front.node(0).answer = (request, response) => {
      response.writeHead(200);
      request.on('data', (chunk: Buffer) => response.write(chunk.toString().toUpperCase()));
      request.on('end', () => response.end());
    };
    const request = httpRequest(`${front.url}/`, { method: 'POST' });
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
    front.node(0).answer = (_request, response) => {
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
    const request = httpRequest(`${front.url}/`);
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

  it('cuts the connection when an answer breaks off after its head', async () => {
    front.node(0).answer = (request, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.write('half');
      setTimeout(() => request.socket.destroy(), 20);
    };
    const response = await fetch(`${front.url}/`);
    await expect(response.text()).rejects.toThrow();
    await expect.poll(() => front.gateway.httpStats()).toMatchObject({ cut: 1, inFlight: 0 });
  });

  it('lets the node know when the client leaves, before the head and after it', async () => {
    const gone: Promise<unknown>[] = [];
    front.node(0).answer = (request, response) => {
      gone.push(once(response, 'close'));
      if (request.url?.endsWith('stream') === true) response.write('first');
    };
    for (const path of ['silent', 'stream']) {
      const left = new AbortController();
      const answer = fetch(`${front.url}/${path}`, { signal: left.signal });
      answer.catch(() => undefined);
      await expect.poll(() => gone.length).toBe(path === 'silent' ? 1 : 2);
      left.abort();
    }
    await Promise.all(gone);
    await expect.poll(() => front.gateway.httpStats()).toMatchObject({ inFlight: 0, abandoned: 1, cut: 1 });
  });

  it('survives clients that leave at any moment, and holds nothing of them', async () => {
    front.node(0).answer = (request, response) => {
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => response.write(chunk));
      request.on('end', () => response.end());
    };
    const leaveAt = async (round: number): Promise<void> => {
      const request = httpRequest(`${front.url}/`, { method: 'POST', agent: false });
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
    await expect.poll(() => front.gateway.httpStats().inFlight).toBe(0);
    const response = await fetch(`${front.url}/`, { method: 'POST', body: 'still here' });
    expect(await response.text()).toBe('still here');
  });

  it('refuses bodies beyond the limit, announced or not', async () => {
    await front.restart({ maxBodyBytes: 1_000_000 });
    front.node(0).answer = (request, response) => {
      request.resume();
      request.on('end', () => response.end());
    };
    const announced = await front.codeOf({ method: 'POST', body: Buffer.alloc(1_000_001) });
    expect([announced, front.node(0).seen.length]).toEqual(['HS_ROUTE_BODY_TOO_LARGE', 0]);
    const request = httpRequest(`${front.url}/`, { method: 'POST' });
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
    front.node(0).answer = (_request, response) => void response.writeHead(409).end('no');
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${front.url}/`, { method: 'POST', body: Buffer.alloc(3_000_000) });
      expect([response.status, await response.text()]).toEqual([409, 'no']);
    }
    await expect.poll(() => front.gateway.httpStats().inFlight).toBe(0);
  });

  it('refuses more requests than it may hold, and tells of nodes that are all busy', async () => {
    await front.restart({ maxInFlight: 1 });
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>();
    front.node(0).answer = async (_request, response) => {
      await mayAnswer;
      response.end();
    };
    const first = fetch(`${front.url}/`);
    await expect.poll(() => front.node(0).seen.length).toBe(1);
    expect(await front.codeOf()).toBe('HS_ROUTE_OVERLOADED');
    answer();
    expect((await first).status).toBe(200);
    front.node(0).answer = planeProblem(503, 'HS_HTTP_OVERLOADED');
    expect(await front.codeOf()).toBe('HS_ROUTE_OVERLOADED');
    expect(front.gateway.httpStats().overloaded).toBe(2);
  });

  it('waits for streams when it is drained, and cuts those that go on', async () => {
    front.node(0).answer = (_request, response) => void response.write('on and on');
    const response = await fetch(`${front.url}/`);
    expect(await front.gateway.drainHttp(50)).toBe(1);
    await expect(response.text()).rejects.toThrow();
    expect(await front.gateway.drainHttp(50)).toBe(0);
  });
});
