import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, loadServerConfig } from '@hotswap/server';
import { expect, it } from 'vitest';

it('shows the token of the first administrator once, at the first start that succeeds', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hotswap-first-start-'));
  const taken = createTcpServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const start = async (port: number): Promise<string | null> => {
    const config = await loadServerConfig(
      [
        ...['--environment', 'Production', '--host', '127.0.0.1', '--port', String(port)],
        ...['--data-dir', dataDir, '--log-level', 'silent'],
      ],
      {},
    );
    await using server = await createServer(config);
    return server.announcement;
  };
  try {
    await expect(start((taken.address() as AddressInfo).port)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(await start(0)).toMatch(/^First start: the administrator's token is hs_[\w-]{43} /);
    expect(await start(0)).toBeNull();
  } finally {
    taken.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
