import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { HttpFallbackRequest, HttpFallbackResponse } from '@hotswap/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ask, begin, headOf, problemOf, until } from './http-client.ts';
import { type HttpFixture, httpFixture, route } from './http-fixture.ts';

const chunkBytes = 65_536;
const streamedBytes = 50 * 1_048_576;

const collectEveryBytes = 1_048_576;

/** V8 frees buffers that nobody holds up to 100 MB late, and memory is what is held only after a collection. */
const collectGarbage = ((): (() => void) => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

describe('requests that JavaScript answers', () => {
  let fixture: HttpFixture;
  beforeEach(async () => {
    fixture = await httpFixture();
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const open = async (
    fallback: (request: HttpFallbackRequest) => Promise<HttpFallbackResponse>,
  ): Promise<{ readonly port: number; readonly inFlight: () => number }> => {
    const { port, plane } = await fixture.open([route(null, '/', { limits: { maxBodyBytes: 100 * 1_048_576 } })], {
      fallback,
    });
    return { port, inFlight: () => plane.stats().inFlight };
  };

  it('arrive whole, and their answers too', async () => {
    let seen: HttpFallbackRequest | undefined;
    const { port } = await open(async (request) => {
      seen = request;
      let text = '';
      for await (const chunk of request.body) text += Buffer.from(chunk).toString('utf8');
      return {
        status: 201,
        headers: [
          ['x-answer', 'é'],
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ],
        body: `got ${text}`,
      };
    });
    const answer = await ask(port, '/some/path?q=1', { body: 'a body', headers: { 'X-Name': 'value' } });
    expect(answer).toMatchObject({
      status: 201,
      body: 'got a body',
      headers: { 'x-answer': 'é', 'content-length': '10', 'set-cookie': ['a=1', 'b=2'] },
    });
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/some/path?q=1',
      authority: `127.0.0.1:${String(port)}`,
      scheme: 'http',
      remoteAddress: '127.0.0.1',
    });
    expect(seen?.headers).toContainEqual(['x-name', 'value']);
  });

  it('may have no body, and empty answers', async () => {
    const { port } = await open(async ({ body }) => {
      let chunks = 0;
      for await (const chunk of body) chunks += chunk.byteLength;
      return { status: chunks === 0 ? 204 : 500 };
    });
    expect(await ask(port, '/')).toMatchObject({ status: 204, body: '' });
  });

  it('stream 50 MB in and out without holding them', { timeout: 60_000 }, async () => {
    const { port } = await open(async ({ body }) => await Promise.resolve({ status: 200, body }));
    const block = randomBytes(chunkBytes);
    /** Highest resident memory while so much goes in and out, but for the heap of V8, which grows in steps of its own. */
    const exchange = async (sizeBytes: number): Promise<number> => {
      const call = begin(port, '/', { method: 'POST' });
      const sending = (async () => {
        for (let sent = 0; sent < sizeBytes; sent += chunkBytes)
          if (!call.write(block)) await new Promise((resolve) => call.once('drain', resolve));
        call.end();
      })();
      let [received, peak, collectAt] = [0, 0, collectEveryBytes];
      for await (const chunk of (await headOf(call)) as AsyncIterable<Buffer>) {
        expect(chunk[0]).toBe(block[received % chunkBytes]);
        received += chunk.byteLength;
        if (received >= collectAt) {
          collectGarbage();
          collectAt += collectEveryBytes;
        }
        const { rss, heapTotal } = process.memoryUsage();
        peak = Math.max(peak, rss - heapTotal);
      }
      await sending;
      expect(received).toBe(sizeBytes);
      return peak;
    };
    const peakOf = async (times: number, sizeBytes: number): Promise<number> => {
      let peak = 0;
      for (let at = 0; at < times; at++) peak = Math.max(peak, await exchange(sizeBytes));
      return peak;
    };
    // Pools and caches fill while little is streamed; what held a stream would then need its size.
    const before = await peakOf(20, streamedBytes / 10);
    const after = await peakOf(4, streamedBytes);
    expect(after - before).toBeLessThan(streamedBytes / 2);
  });

  it('are stopped by a reader that does not read', async () => {
    let go = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (go = resolve));
    const { port } = await open(async ({ body }) => {
      await waiting;
      let size = 0;
      for await (const chunk of body) size += chunk.byteLength;
      return { status: 200, body: String(size) };
    });
    const call = begin(port, '/', { method: 'POST' });
    const total = 32 * 1_048_576;
    let sent = 0;
    const sending = (async () => {
      while (sent < total) {
        sent += chunkBytes;
        if (!call.write(Buffer.alloc(chunkBytes))) await new Promise((resolve) => call.once('drain', resolve));
      }
      call.end();
    })();
    await sleep(300);
    const stoppedAt = sent;
    expect(stoppedAt).toBeLessThan(16 * 1_048_576);
    await sleep(100);
    expect(sent).toBe(stoppedAt);
    go();
    const response = await headOf(call);
    let answer = '';
    for await (const chunk of response as AsyncIterable<Buffer>) answer += chunk.toString();
    await sending;
    expect(answer).toBe(String(total));
  });

  it('write no further ahead than their client reads', async () => {
    let written = 0;
    const { port } = await open(
      async () =>
        await Promise.resolve({
          status: 200,
          body: (async function* () {
            for (; written < streamedBytes; written += chunkBytes)
              yield await Promise.resolve(Buffer.alloc(chunkBytes));
          })(),
        }),
    );
    const call = begin(port, '/');
    call.end();
    const response = await headOf(call);
    response.pause();
    await sleep(300);
    const stoppedAt = written;
    expect(stoppedAt).toBeLessThan(16 * 1_048_576);
    await sleep(100);
    expect(written).toBe(stoppedAt);
    let received = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) received += chunk.byteLength;
    expect(received).toBe(streamedBytes);
  });

  it('are told when their client leaves: before the answer, and in the middle of it', async () => {
    const signals: AbortSignal[] = [];
    let finished = 0;
    const { port, inFlight } = await open(async ({ url, signal }) => {
      signals.push(signal);
      if (url === '/before') {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        return { status: 200, body: 'too late' };
      }
      return {
        status: 200,
        body: (async function* () {
          try {
            for (;;) {
              yield Buffer.alloc(1_000);
              await sleep(5);
            }
          } finally {
            finished++;
          }
        })(),
      };
    });
    const early = begin(port, '/before');
    early.on('error', () => undefined);
    early.end();
    await until(() => signals.length === 1);
    early.destroy();
    await until(() => signals[0]?.aborted === true);

    const late = begin(port, '/middle');
    late.on('error', () => undefined);
    late.end();
    await headOf(late);
    late.destroy();
    await until(() => signals[1]?.aborted === true && finished === 1);
    await until(() => inFlight() === 0);
  });

  it('survive clients that leave at random', { timeout: 60_000 }, async () => {
    const { port, inFlight } = await open(async ({ body }) => {
      let size = 0;
      for await (const chunk of body) size += chunk.byteLength;
      return {
        status: 200,
        body: (async function* () {
          for (let at = 0; at < 20; at++) yield await Promise.resolve(Buffer.alloc(5_000, size));
        })(),
      };
    });
    await Promise.all(
      Array.from({ length: 20 }, async (_, client) => {
        for (let at = 0; at < 25; at++) {
          const call = begin(port, '/', { method: 'POST' });
          call.on('error', () => undefined);
          call.on('response', (response) => {
            response.on('error', () => undefined);
            response.resume();
          });
          call.end(Buffer.alloc((client * 25 + at) * 300));
          await sleep(Math.random() * 10);
          call.destroy();
        }
      }),
    );
    await until(() => inFlight() === 0);
    expect((await ask(port, '/', { body: 'still here' })).status).toBe(200);
  });

  it('answer 500 when their handler fails, and the process learns why', async () => {
    const warned: string[] = [];
    const onWarning = ({ message }: Error): void => void warned.push(message);
    process.on('warning', onWarning);
    const { port } = await open(async () => await Promise.reject(new Error('the database password is hunter2')));
    const answer = await ask(port, '/');
    expect(problemOf(answer)).toEqual({
      status: 500,
      type: 'application/problem+json',
      code: 'HS_RUNTIME_HTTP_HANDLER_FAILED',
    });
    expect(answer.body).not.toContain('hunter2');
    await vi.waitFor(() => expect(warned.join()).toContain('hunter2'));
    process.removeListener('warning', onWarning);
  });

  it.each<[string, HttpFallbackResponse]>([
    ['a status that is none', { status: 99 }],
    ['an interim status', { status: 103 }],
    ['a header name that is none', { status: 200, headers: [['bad name', 'x']] }],
    ['a header value with a line break', { status: 200, headers: [['x', 'a\r\nset-cookie: b']] }],
    ['a header value beyond Latin-1', { status: 200, headers: [['x', '\u2026']] }],
  ])('answer 500 for %s', async (_what, answer) => {
    const { port } = await open(async () => await Promise.resolve(answer));
    expect((await ask(port, '/')).status).toBe(500);
  });

  it('are cut, never ended as if whole, when their answer fails in the middle', async () => {
    const { port } = await open(
      async () =>
        await Promise.resolve({
          status: 200,
          body: (async function* () {
            yield await Promise.resolve(Buffer.from('the first half'));
            throw new Error('no second half');
          })(),
        }),
    );
    await expect(ask(port, '/')).rejects.toThrow();
    await expect(ask(port, '/')).rejects.toThrow();
  });

  it('take concurrent streams apart', async () => {
    const { port } = await open(async ({ body }) => await Promise.resolve({ status: 200, body }));
    await Promise.all(
      Array.from({ length: 32 }, async (_, index) => {
        const text = `${String(index)},`.repeat(20_000);
        expect((await ask(port, '/', { body: text })).body).toBe(text);
      }),
    );
  });

  it('ignore bodies that their handler leaves unread', async () => {
    const { port } = await open(async () => await Promise.resolve({ status: 200, body: 'did not look' }));
    for (const size of [10, 100_000]) {
      const answer = await ask(port, '/', { body: 'x'.repeat(size) });
      expect(answer.body).toBe('did not look');
    }
  });
});

describe('authorized routes', () => {
  let fixture: HttpFixture;
  beforeEach(async () => {
    fixture = await httpFixture();
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const open = async (
    authorize?: (value: string) => Promise<{ readonly validUntil: number } | null>,
  ): Promise<number> => {
    const { port } = await fixture.open([route(null, '/', { access: 'authorized' })], {
      fallback: async () => await Promise.resolve({ status: 200, body: 'let in' }),
      ...(authorize === undefined
        ? {}
        : {
            authorize: async ({ headers }) =>
              await authorize(headers.find(([name]) => name === 'authorization')?.[1] ?? ''),
          }),
    });
    return port;
  };

  it('ask once per credential, until the answer expires', async () => {
    const asked: string[] = [];
    const port = await open(async (value) => {
      asked.push(value);
      return await Promise.resolve({ validUntil: Date.now() + 400 });
    });
    for (let at = 0; at < 5; at++)
      expect((await ask(port, '/', { headers: { authorization: 'Bearer a' } })).body).toBe('let in');
    await ask(port, '/', { headers: { authorization: 'Bearer b' } });
    expect(asked).toEqual(['Bearer a', 'Bearer b']);
    await sleep(450);
    await ask(port, '/', { headers: { authorization: 'Bearer a' } });
    expect(asked).toEqual(['Bearer a', 'Bearer b', 'Bearer a']);
  });

  it('answer 401 to whoever is not let in, has no credential, or cannot be judged', async () => {
    const refused = { status: 401, type: 'application/problem+json', code: 'HS_HTTP_UNAUTHORIZED' };
    const strict = await open(async (value) => {
      if (value === 'Bearer broken') throw new Error('the judge is ill');
      return await Promise.resolve(null);
    });
    for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: 'Bearer broken' }])
      expect(problemOf(await ask(strict, '/', { headers }))).toEqual(refused);
    const without = await open();
    expect(problemOf(await ask(without, '/', { headers: { authorization: 'Bearer x' } }))).toEqual(refused);
  });
});
