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

  it('take out of logs whatever lets anybody in, however it is written, and leave the rest', async () => {
    const log = join(folder, 'telling.log');
    await writeFile(
      log,
      [
        String.raw`{"msg":"body {\"password\":\"S3cret spaced S3cret\",\"user\":\"kept-a\"}"}`,
        String.raw`{"msg":"{\"token\":\"S3cret \\\"S3cret\\\" S3cret\",\"user\":\"kept-b\"}"}`,
        String.raw`{"password":"S3cret \"S3cret\" S3cret","kept":"kept-c"}`,
        '{"cookie":"__Host-hotswap-session=S3cret; x=S3cret","url":"/kept-d"}',
        '{"set-cookie":["hotswap-session=S3cret; Path=/"],"kept":"kept-e"}',
        'GET / hotswap_session=eyJhbGciOi.eyJzdWIiOi.S3cret kept-f',
        'passphrase: S3cret S3cret S3cret',
        '{"passphrase":"S3cret S3cret","kept":"kept-g"}',
        `apiKey='S3cret S3cret' kept-h`,
        'postgres://user:S3cret@S3cret/S3cret@db:5432/x kept-i',
        '{"url":"redis://:S3cret@S3cret@redis:6379","kept":"kept-j","mail":"a@kept-k.example"}',
        'Authorization: Basic S3cret',
        '?token=S3cret&kept-l=1',
        '{"msg":"cut off","password":"S3cret S3cret',
        'https://kept-m:443/kept-n?x=1 the service kept-o',
      ].join('\n'),
    );
    const bin = await programs('with-journal', { journalctl: `exec cat '${log}'` });
    const file = join(folder, 'telling.tar.gz');
    await run('/bin/sh', ['-c', `"${script('collect-logs.sh')}" -s 1h > "${file}"`], { env: { PATH: before(bin) } });
    const { stdout } = await run('tar', ['-xzOf', file, 'logs/journal-hotswap-server.txt']);
    expect(stdout).not.toContain('S3cret');
    expect(
      stdout
        .match(/kept-[a-o]/g)
        ?.sort()
        .join(' '),
    ).toBe([...'abcdefghijklmno'].map((letter) => `kept-${letter}`).join(' '));
  }, 120_000);

  it.each([
    [
      'a journal that may not be read',
      'exit 0',
      1,
      /FAILED {2}the log holds no errors: nothing to read in the journal/,
    ],
    ['errors in the journal', `echo '{"level":50,"msg":"it failed"}'`, 1, /FAILED {2}the log holds no errors: 1 found/],
    ['a quiet journal', `echo '{"level":30,"msg":"answered"}'`, 0, /ok {6}the log holds no errors/],
  ])('look at the journal where no log is named: %s', async (_what, journalctl, code, message) => {
    const call = ['staging', '-u', url, '-m', 'extractor', '-f', 'extract', '-t', '20000'];
    const ended = await start('smoke-test.sh', call, { PATH: before(await programs('journal', { journalctl })) });
    expect([ended.code, ended.stdout]).toEqual([code, expect.stringMatching(message)]);
  });

  it.each([
    ['keep a backup of modules that changed while it was made', 1, 0],
    ['make none of modules that cannot be read', 2, 2],
  ])('%s', async (_what, status, code) => {
    const [backups, modules] = [join(folder, `backups-${String(status)}`), join(folder, 'modules')];
    await mkdir(modules, { recursive: true });
    await writeFile(join(modules, 'one.wasm'), 'bytes');
    const { stdout } = await run('/bin/sh', ['-c', 'command -v tar'], { env: { PATH: process.env['PATH'] } });
    const bin = await programs('changing', {
      tar: `'${stdout.trim()}' "$@"; echo 'tar: .: file changed as we read it' >&2; exit ${String(status)}`,
      pg_dump: 'echo select 1;',
    });
    const ended = await start('backup.sh', ['-d', backups, '-m', modules], {
      ...{ PATH: before(bin), DATABASE_URL: 'postgres://127.0.0.1:1/none' },
    });
    expect(ended.code).toBe(code);
    const made = await readdir(backups);
    expect(made.filter((name) => name.startsWith('wasm-modules-'))).toHaveLength(code === 0 ? 1 : 0);
    expect(made.filter((name) => name.startsWith('.unfinished'))).toEqual([]);
  });
});
