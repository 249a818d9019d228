import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ServerCertificate } from '../src/http/server-certificate.ts';
import Fastify from 'fastify';
import { pino } from 'pino';
import { withDefaults, type ServerConfig } from '@hotswap/server';
import { listenHttps } from '../src/http/https-listener.ts';
import { startTestServer } from './start-test-server.ts';

const script = fileURLToPath(new URL('../../../scripts/make-certificates.mjs', import.meta.url));
const password = 'p;a"ss=1';

const issue = (folder: string): Promise<unknown> => promisify(execFile)(process.execPath, [script, folder, password]);

/** One handshake; the socket stays open. */
function shakeHands(url: string, options: ConnectionOptions): Promise<TLSSocket> {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), servername: 'localhost', ...options }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
  });
}

function get(
  url: string,
  options: RequestOptions,
): Promise<{ readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, options, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (part: string) => (body += part));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
    });
    asked.on('error', reject).end();
  });
}

/** The port of HTTPS alone, with an application that answers `/health` and, slowly, `/slow`. */
async function startListener(config: Partial<ServerConfig>): Promise<AsyncDisposable & { readonly url: string }> {
  const app = Fastify();
  app.get('/health', () => 'well');
  app.get('/slow', (_request, reply) => {
    reply.raw.write('begun ');
    setTimeout(() => reply.raw.end('done'), 300);
    return reply.hijack();
  });
  await app.ready();
  const parts = {
    config: withDefaults({ host: '127.0.0.1', httpsPort: 0, ...config }),
    logger: pino({ level: 'silent' }),
  };
  const listener = await listenHttps(app, parts, 20);
  if (listener === null) return expect.unreachable();
  return { url: listener.url, [Symbol.asyncDispose]: () => listener.close() };
}

describe('HTTPS of the server', () => {
  let folder: string;
  let ca: string;
  const file = (name: string): string => join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-tls-'));
    await issue(folder);
    ca = await readFile(file('ca.pem'), 'utf8');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const pem = (): { certificateFile: string; certificateKeyFile: string } => ({
    certificateFile: file('cert.pem'),
    certificateKeyFile: file('key.pem'),
  });

  it('stands beside HTTP, and tells browsers to stay with it', async () => {
    await using server = await startTestServer({ ...pem(), httpsPort: 0 });
    const { httpsUrl, url } = server.server;
    const answer = await get(`${httpsUrl ?? ''}/health`, { ca });
    expect(answer).toMatchObject({ status: 200, body: '{"status":"Healthy"}' });
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
    const plain = await fetch(`${url}/health`);
    expect(plain.status).toBe(200);
    expect(plain.headers.has('strict-transport-security')).toBe(false);
    expect((await get(`${httpsUrl ?? ''}/nowhere`, { ca })).headers['strict-transport-security']).toBeDefined();
    await expect(get(`${httpsUrl ?? ''}/health`, {})).rejects.toMatchObject({ code: /UNABLE_TO_VERIFY|SELF_SIGNED/ });
  });

  it('stands alone where plain HTTP is off', async () => {
    await using server = await startTestServer({
      ...pem(),
      httpsPort: 0,
      plainHttp: false,
      strictTransportSecurity: '',
    });
    expect(server.server.url).toMatch(/^https:/);
    expect(server.server.url).toBe(server.server.httpsUrl);
    const answer = await get(`${server.url}/health/ready`, { ca });
    expect(answer.status).toBe(200);
    expect(answer.headers['strict-transport-security']).toBeUndefined();
  });

  it.each<[string, { certificateFile: string; certificateKeyFile?: string; certificatePassword?: string }]>([
    ['a PFX file with its password', { certificateFile: 'cert.pfx', certificatePassword: password }],
    [
      'a key with its password',
      { certificateFile: 'cert.pem', certificateKeyFile: 'key-encrypted.pem', certificatePassword: password },
    ],
    ['chain and key in one file', { certificateFile: 'both.pem' }],
  ])('takes %s', async (_what, { certificatePassword, ...files }) => {
    await writeFile(
      file('both.pem'),
      `${await readFile(file('cert.pem'), 'utf8')}${await readFile(file('key.pem'), 'utf8')}`,
    );
    const paths = Object.fromEntries(Object.entries(files).map(([key, name]) => [key, file(name)]));
    await using server = await startListener({
      ...paths,
      ...(certificatePassword === undefined ? {} : { certificatePassword }),
    });
    expect((await get(`${server.url}/health`, { ca })).status).toBe(200);
  });

  it.each<[string, ConnectionOptions, string, string]>([
    ['TLS 1.2', { maxVersion: 'TLSv1.2' }, 'TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['TLS 1.3', {}, 'TLSv1.3', 'TLS_AES_256_GCM_SHA384'],
  ])('speaks %s', async (_what, options, version, suite) => {
    await using server = await startListener({ ...pem() });
    const socket = await shakeHands(server.url, { ca, ...options });
    expect(socket.getProtocol()).toBe(version);
    expect(socket.getCipher().name).toBe(suite);
    socket.destroy();
  });

  it.each<[string, ConnectionOptions]>([
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['a suite with SHA-256', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }],
    ['a suite without authentication of what is sent', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-SHA384' }],
  ])('refuses %s', async (_what, options) => {
    await using server = await startListener({ ...pem() });
    await expect(shakeHands(server.url, { ca, ...options })).rejects.toMatchObject({
      code: /SSL|TLS/,
    });
  });

  it('answers a first request that is half there when it ends, and does not wait for a handshake that never ends', async () => {
    const server = await startListener({ ...pem() });
    const stalled = connectPlain(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined);
    await once(stalled, 'connect');
    stalled.write(Buffer.from([0x16, 0x03, 0x01]));
    const socket = await shakeHands(server.url, { ca });
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.write('GET /health HTTP/1.1\r\n');
    // An answer to a later connection: what came before it has been read.
    expect((await get(`${server.url}/health`, { ca })).status).toBe(200);
    const closed = server[Symbol.asyncDispose]();
    socket.write('host: x\r\nconnection: close\r\n\r\n');
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1\.1 200 OK[^]*well$/);
    await Promise.all([closed, once(stalled, 'close')]);
  });

  it('takes a renewed certificate up while it runs; connections that are open live on', async () => {
    const own = await mkdtemp(join(tmpdir(), 'hotswap-tls-'));
    const troubles: string[] = [];
    try {
      for (const name of ['ca.pem', 'ca-key.pem', 'cert.pem', 'key.pem']) await copyFile(file(name), join(own, name));
      const files = { certificateFile: join(own, 'cert.pem'), certificateKeyFile: join(own, 'key.pem') };
      await using server = await startListener({ ...files });
      const url = server.url;
      const agent = new Agent({ ca, keepAlive: true, maxSockets: 1 });
      expect((await get(`${url}/health`, { agent })).status).toBe(200);
      const before = await shakeHands(url, { ca });
      const serial = before.getPeerCertificate().serialNumber;

      await issue(own);
      const seen = async (): Promise<string> => {
        const socket = await shakeHands(url, { ca });
        const { serialNumber } = socket.getPeerCertificate();
        socket.destroy();
        return serialNumber;
      };
      await vi.waitFor(async () => expect(await seen()).not.toBe(serial), { timeout: 20_000 });
      const [socket] = Object.values(agent.freeSockets).flat() as unknown as TLSSocket[];
      expect((await get(`${url}/health`, { agent })).status).toBe(200);
      expect(Object.values(agent.freeSockets).flat()[0] === socket).toBe(true);
      agent.destroy();
      // `before` stays open and never asks for anything: the listener must not wait for it when it closes.
      expect(before.destroyed).toBe(false);

      // Half of a renewal: what was in use stays.
      const renewed = await seen();
      await copyFile(file('key.pem'), join(own, 'key.pem'));
      const certificate = new ServerCertificate(files, (error) => troubles.push((error as Error).message));
      await certificate.read().catch(() => undefined);
      certificate.watch(() => expect.unreachable(), 20);
      await vi.waitFor(() => {
        expect(troubles.at(-1)).toMatch(/the key does not belong to the certificate/);
      });
      certificate.unwatch();
      expect(await seen()).toBe(renewed);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });

  it('waits for answers under way when it closes, and for nothing else', async () => {
    const server = await startListener(pem());
    const agent = new Agent({ ca, keepAlive: true });
    expect((await get(`${server.url}/health`, { agent })).body).toBe('well');
    const slow = get(`${server.url}/slow`, { ca });
    const began = Promise.withResolvers<undefined>();
    request(`${server.url}/slow`, { ca }, (answer) =>
      answer.once('data', () => began.resolve(undefined)).resume(),
    ).end();
    await began.promise;
    await server[Symbol.asyncDispose]();
    expect((await slow).body).toBe('begun done');
    await expect(get(`${server.url}/health`, { ca, agent: false })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    agent.destroy();
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'a file that is not there',
      { certificateFile: 'none.pem' },
      /certificateFile: the file .* cannot be read \(ENOENT\)/,
    ],
    ['a certificate without its key', { certificateFile: 'cert.pem' }, /certificateKeyFile: .* holds no key/],
    ['a key beside a PFX file', { certificateFile: 'cert.pfx', certificateKeyFile: 'key.pem' }, /has its key inside/],
    ['a PFX file without its password', { certificateFile: 'cert.pfx' }, /set certificatePassword \(CERT_PASSWORD\)/],
    [
      'a key without its password',
      { certificateFile: 'cert.pem', certificateKeyFile: 'key-encrypted.pem' },
      /set certificatePassword/,
    ],
    [
      'a key of another certificate',
      { certificateFile: 'cert.pem', certificateKeyFile: 'ca-key.pem' },
      /does not belong/,
    ],
    ['no certificate at all', { certificateFile: 'names.txt' }, /certificateFile: .* cannot be used/],
  ])('does not start with %s, and says what to do', async (_what, files, message) => {
    const paths = Object.fromEntries(Object.entries(files).map(([key, name]) => [key, file(name)]));
    const options = { certificateFile: '', ...paths };
    await expect(new ServerCertificate(options, () => undefined).read()).rejects.toMatchObject({
      code: 'HS_CONFIG_INVALID',
      message: expect.stringMatching(message) as unknown,
    });
    const wrong = new ServerCertificate({ ...options, certificatePassword: 'S3cr3t-hidden' }, () => undefined);
    await expect(wrong.read().then(() => '', String)).resolves.not.toContain('S3cr3t-hidden');
  });
});
