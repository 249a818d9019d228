import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { HttpCertificate, HttpListener } from '@hotswap/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPlane } from './http-fixture.ts';
import { selfSigned } from './self-signed.ts';
import { type TestHost, failureOf, testHost } from './test-host.ts';

describe('HTTP plane with TLS', () => {
  let test: TestHost;
  const [one, other, renewed] = [selfSigned('one.test'), selfSigned('other.test'), selfSigned('one.test')];
  beforeEach(async () => {
    test = await testHost();
  });
  afterEach(async () => {
    await test[Symbol.asyncDispose]();
  });

  const open = async (): Promise<HttpListener> => {
    const plane = await createPlane(test, {
      slots: test.host.createSlotTable(),
      fallback: async ({ scheme, authority }) => await Promise.resolve({ status: 200, body: `${scheme} ${authority}` }),
    });
    return await plane.listen({ tls: [one, other] });
  };

  /** Body of the answer, and the fingerprint of the certificate, which must be the expected one. */
  const get = async (
    port: number,
    servername: string,
    { certPem }: HttpCertificate,
  ): Promise<{ body: string; shown: string }> =>
    await new Promise((resolve, reject) => {
      const call = request(
        { host: '127.0.0.1', port, servername, ca: certPem, agent: false, headers: { host: servername } },
        (response) => {
          const shown = (response.socket as TLSSocket).getPeerCertificate().fingerprint256;
          let body = '';
          response.on('data', (chunk: Buffer) => (body += chunk.toString()));
          response.on('end', () => {
            resolve({ body, shown });
          });
        },
      );
      call.on('error', reject);
      call.end();
    });

  it('shows each name its certificate', async () => {
    const { port } = await open();
    const [first, second] = [await get(port, 'one.test', one), await get(port, 'other.test', other)];
    expect([first.body, second.body]).toEqual(['https one.test', 'https other.test']);
    expect(first.shown).not.toBe(second.shown);
  });

  it('takes up new certificates without a restart, and keeps the old ones when the new are none', async () => {
    const listener = await open();
    const before = await get(listener.port, 'one.test', one);
    listener.setCertificates([renewed, other]);
    const after = await get(listener.port, 'one.test', renewed);
    expect(after.shown).not.toBe(before.shown);
    const refused = failureOf(
      (async () => {
        await Promise.resolve();
        listener.setCertificates([{ certPem: 'none', keyPem: 'none' }]);
      })(),
    );
    expect(await refused).toMatchObject({ code: 'HS_RUNTIME_INVALID_ARGUMENT' });
    expect((await get(listener.port, 'one.test', renewed)).shown).toBe(after.shown);
  });

  it('speaks HTTP/2 with those who can', async () => {
    const { port } = await open();
    const session = connectHttp2(`https://127.0.0.1:${String(port)}`, { ca: one.certPem, servername: 'one.test' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const stream = session.request({ ':path': '/', ':authority': 'one.test' });
        let body = '';
        for await (const chunk of stream as AsyncIterable<Buffer>) body += chunk.toString();
        return body;
      }),
    );
    expect(new Set(answers)).toEqual(new Set(['https one.test']));
    expect(session.alpnProtocol).toBe('h2');
    session.destroy();
  });
});
