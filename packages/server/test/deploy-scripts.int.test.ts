import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
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

  /** A folder of programs that say what a test wants of them. */
  const programs = async (name: string, texts: Readonly<Record<string, string>>): Promise<string> => {
    const bin = join(folder, name);
    await mkdir(bin, { recursive: true });
    for (const [program, text] of Object.entries(texts)) {
      await writeFile(join(bin, program), `#!/bin/sh\n${text}\n`);
      await chmod(join(bin, program), 0o755);
    }
    return bin;
  };
  const before = (bin: string): string => [bin, process.env['PATH']].join(delimiter);

  it('make no secrets where there is nothing to make them of', async () => {
    const bin = await programs('without-od', {});
    for (const name of ['bash', 'env', 'dirname', 'basename', 'cat', 'tr', 'mktemp', 'mv', 'rm']) {
      const { stdout } = await run('/bin/sh', ['-c', `command -v ${name}`], { env: { PATH: process.env['PATH'] } });
      await symlink(stdout.trim(), join(bin, name));
    }
    const few = await programs('few-bytes', { od: "echo ' 0a 0b'" });
    for (const path of [bin, before(few)]) {
      const file = join(folder, 'secrets.env');
      const ended = await start('generate_secrets.sh', ['-o', file], { PATH: path });
      expect([ended.code, ended.stdout]).toEqual([1, '']);
      expect(ended.stderr).toContain('no random bytes here');
      expect(await readdir(folder)).not.toContainEqual(expect.stringMatching(/^secrets\.env/));
      const manifest = await start('generate_secrets.sh', ['-k'], { PATH: path });
      expect([manifest.code, manifest.stdout]).toEqual([1, '']);
    }
  });

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
