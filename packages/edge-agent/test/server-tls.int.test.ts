import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerClient } from '../src/server/server-client.ts';
import { trustedAuthorities } from '../src/server/trusted-authorities.ts';

const script = fileURLToPath(new URL('../../../scripts/make-certificates.mjs', import.meta.url));

describe('a server behind TLS', () => {
  let folder: string;
  let server: Server;
  let url: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-agent-tls-'));
    await promisify(execFile)(process.execPath, [script, folder]);
    const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map((name) => readFile(join(folder, name))));
    server = createServer({ cert, key }, (request, response) => {
      request.resume();
      response.end(JSON.stringify({ generation: 7, heartbeatIntervalMs: 1000 }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  const heartbeat = (client: ServerClient): Promise<unknown> =>
    client.heartbeat({} as never).finally(() => client.close());

  it('is trusted by the authority that CaFile names', async () => {
    const client = new ServerClient(url, 'n', trustedAuthorities(join(folder, 'ca.pem')));
    expect(await heartbeat(client)).toMatchObject({ generation: 7 });
  });

  it('is not trusted without it', async () => {
    await expect(heartbeat(new ServerClient(url, 'n'))).rejects.toMatchObject({
      code: 'HS_AGENT_SERVER_UNREACHABLE',
      details: { why: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED/) as unknown },
    });
  });

  it.each([
    ['is not there', 'none.pem', /cannot be read \(ENOENT\)/],
    ['is no certificate', 'names.txt', /holds no certificate in PEM/],
  ])('is not asked when the file %s', (_what, name, message) => {
    expect(() => trustedAuthorities(join(folder, name))).toThrow(message);
  });
});
