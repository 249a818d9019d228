import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const script = (name: string): string => fileURLToPath(new URL(`../../../deploy/scripts/${name}`, import.meta.url));
const run = promisify(execFile);

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('the scripts in deploy', () => {
  let folder: string;
  let server: Server;
  let url: string;
  let asked = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hotswap-scripts-'));
    await writeFile(join(folder, 'quiet.log'), '{"level":30,"msg":"answered"}\n');
    await writeFile(join(folder, 'loud.log'), '{"level":50,"msg":"it failed"}\n');
    server = createServer((request, response) => {
      asked += 1;
      const { url: path = '', method, headers } = request;
      const isKnown = headers.authorization === 'Bearer key-1';
      if (path.startsWith('/health')) response.end('{"status":"Healthy"}');
      else if (path === '/api/v1/wasm/modules/extractor/functions/extract/invoke' && method === 'POST' && isKnown)
        response.end(
          '{"result":{"links":[],"media":[],"language":"en","categories":[]},"moduleId":"extractor-v1.0.0"}',
        );
      else if (path === '/api/v1/wasm/nodes') response.end('{"nodes":[{"token":"S3cr3t-hidden"}]}');
      else response.writeHead(503).end('{"code":"HS_GATEWAY_NO_NODE"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  const start = (name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    run(script(name), [...args], { env: { PATH: process.env['PATH'], HOTSWAP_TOKEN: 'key-1', ...env } }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: Ended) => error,
    );

  it('check an installation in six ways', async () => {
    const call = ['-m', 'extractor', '-f', 'extract', '-k', 'links,media,language,categories', '-t', '20000'];
    const well = await start('smoke-test.sh', ['production', ...call, '-l', join(folder, 'quiet.log')], {
      SMOKE_URL_PRODUCTION: url,
    });
    expect(well.stdout.match(/^ok {6}/gm)).toHaveLength(6);
    expect(well.code).toBe(0);
  });

  it.each<[string, readonly string[], RegExp]>([
    ['a call that is refused', ['-m', 'other'], /FAILED {2}a call of other is processed: status 503/],
    [
      'an answer without what has to be in it',
      ['-k', 'title'],
      /FAILED {2}what has to be in it is there: without title/,
    ],
    ['errors in the log', ['-l', 'loud.log'], /FAILED {2}the log holds no errors: 1 found/],
    ['nobody who answers', ['-u', 'http://127.0.0.1:1'], /FAILED {2}the service answers/],
  ])('fail for %s', async (_what, args, message) => {
    const usual = ['-u', url, '-m', 'extractor', '-f', 'extract', '-l', join(folder, 'quiet.log')];
    const ended = await start('smoke-test.sh', [
      'staging',
      ...usual,
      ...args.map((arg) => (arg === 'loud.log' ? join(folder, arg) : arg)),
    ]);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(message);
  });

  it('ask many times at once, and tell how long answers took', async () => {
    asked = 0;
    const ended = await start('load_test.sh', ['-u', url, '-c', '20', '-n', '300', '-t', '30000']);
    expect(ended.stdout).toMatch(/requests {3}300 in .*\nlatency {4}p50 .* p95 .* p99 .*\nstatus {5}200: 300/);
    expect(ended.code).toBe(0);
    expect(asked).toBe(300);
    const failed = await start('load_test.sh', ['-u', url, '-p', '/nowhere', '-c', '5', '-n', '10']);
    expect(failed.stdout).toMatch(/status {5}503: 10\nfailed {5}10/);
    expect(failed.code).toBe(1);
    expect((await start('load_test.sh', ['-c', 'many'])).code).toBe(2);
  });

  it('collect what a report needs, without passwords and tokens', async () => {
    const file = join(folder, 'debug.tar.gz');
    await run('/bin/sh', ['-c', `"${script('collect-logs.sh')}" -s 1h > "${file}"`], {
      env: { PATH: process.env['PATH'], HOTSWAP_SERVER: url, HOTSWAP_TOKEN: 'key-1' },
    });
    await run('tar', ['-xzf', file, '-C', folder]);
    const names = await readdir(join(folder, 'logs'));
    expect(names).toEqual(expect.arrayContaining(['system.txt', 'disk.txt', 'api-health.json', 'api-nodes.json']));
    expect(await readFile(join(folder, 'logs', 'api-health.json'), 'utf8')).toContain('Healthy');
    const nodes = await readFile(join(folder, 'logs', 'api-nodes.json'), 'utf8');
    expect(nodes).toContain('[redacted]');
    for (const name of names)
      expect(await readFile(join(folder, 'logs', name), 'utf8')).not.toMatch(/S3cr3t-hidden|key-1/);
  }, 120_000);
});
