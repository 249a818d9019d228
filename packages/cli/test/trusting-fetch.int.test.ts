import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../src/run-cli.ts';

const script = fileURLToPath(new URL('../../../scripts/make-certificates.mjs', import.meta.url));

describe('a server behind TLS', () => {
  let folder: string;
  let server: Server;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-cli-tls-'));
    await promisify(execFile)(process.execPath, [script, folder]);
    const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map((name) => readFile(join(folder, name))));
    server = createServer({ cert, key }, (_request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end('{"nodes":[],"nextCursor":null}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  async function nodes(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<readonly [number, string]> {
    let told = '';
    const stream = (): Writable =>
      new Writable({
        write: (part: Buffer, _encoding, done) => {
          told += part.toString();
          done();
        },
      });
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const code = await runCli(['--server', url, '--token', 't', ...args, 'nodes'], {
      stdout: stream(),
      stderr: stream(),
      env,
      signal: new AbortController().signal,
    });
    return [code, told];
  }

  it('is trusted by the authority that is given', async () => {
    expect((await nodes(['--ca-file', join(folder, 'ca.pem')]))[0]).toBe(0);
    expect((await nodes([], { HOTSWAP_CA_FILE: join(folder, 'ca.pem') }))[0]).toBe(0);
  });

  it('is not trusted without it', async () => {
    const [code, told] = await nodes([]);
    expect(code).toBe(2);
    expect(told).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
    for (const part of [/https:\/\/127\.0\.0\.1:\d+/, /by --server/, /--ca-file/, /HS_CLI_WRONG_SERVER/])
      expect(told).toMatch(part);
  });

  it.each([
    ['is not there', 'none.pem', /cannot be read \(ENOENT\)/],
    ['is no certificate', 'names.txt', /holds no certificate in PEM/],
  ])('is not asked when the file %s', async (_what, name, message) => {
    expect(await nodes(['--ca-file', join(folder, name)])).toEqual([2, expect.stringMatching(message)]);
  });
});
