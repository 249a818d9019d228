import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes, runCli } from '@hotswap/cli';
import { TextSink, type RanCommand } from './run-against.ts';

const looks = 'http://127.0.0.1:5000 or https://hotswap.example.org';

async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<RanCommand> {
  const [stdout, stderr] = [new TextSink(), new TextSink()];
  const code = await runCli(args, { stdout, stderr, env, signal: new AbortController().signal });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

describe('an address that can be none of a server', () => {
  it.each([
    ['localhost:5000', 'neither http:// nor https://'],
    ['127.0.0.1:5000', 'neither http:// nor https://'],
    ['ftp://hotswap.example.org', 'neither http:// nor https://'],
    ['http://', 'no URL'],
    ['http://host:99999', 'no URL'],
    ['https://hotswap.example.org/api/v1', 'without /api/v1'],
    ['https://hotswap.example.org?tenant=a', 'without ?tenant=a'],
  ])('%s is refused by what was read, where, and why', async (address, why) => {
    const byFlag = await run(['--server', address, 'nodes']);
    expect([byFlag.code, byFlag.stderr]).toEqual([
      exitCodes.usage,
      expect.stringContaining(`--server names ${address} `),
    ]);
    const byVariable = await run(['nodes'], { HOTSWAP_SERVER: address });
    expect(byVariable.code).toBe(exitCodes.usage);
    for (const part of [`HOTSWAP_SERVER names ${address} `, why, looks]) expect(byVariable.stderr).toContain(part);
  });

  it('is not shown with the password in it', async () => {
    for (const address of ['https://ada:geheim@hotswap.example.org', 'https://ada:geheim@host:99999']) {
      const ran = await run(['nodes'], { HOTSWAP_SERVER: address });
      expect(ran.code).toBe(exitCodes.usage);
      expect(ran.stderr).not.toContain('geheim');
    }
  });

  it('is refused before anything is asked of people or files', async () => {
    const ran = await run(['login', 'ada'], { HOTSWAP_SERVER: 'localhost:5000' });
    expect([ran.code, ran.stderr]).toEqual([exitCodes.usage, expect.stringContaining('HS_CLI_INVALID_SERVER')]);
  });

  describe('of a data directory', () => {
    let directory: string;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'hotswap-address-'));
    });
    afterAll(() => rm(directory, { recursive: true, force: true }));

    it.each(['{"url":"localhost"}', '{}', 'null'])('is told with the file: %s', async (content) => {
      const file = join(directory, 'local-admin.json');
      await writeFile(file, content);
      const ran = await run(['--data-dir', directory, 'nodes']);
      expect([ran.code, ran.stderr]).toEqual([exitCodes.usage, expect.stringContaining(`${file} names `)]);
    });

    it('counts where the variable is there but empty', async () => {
      const ran = await run(['--data-dir', join(directory, 'none'), 'nodes'], { HOTSWAP_SERVER: '' });
      expect(ran.code).toBe(exitCodes.badConfig);
      expect((await run(['--server', '', 'nodes'])).code).toBe(exitCodes.usage);
    });
  });
});

describe('an address where something else answers', () => {
  let other: Server;
  let address: string;
  beforeAll(async () => {
    other = createServer((request, response) => {
      const [, token = ''] = request.headers.authorization?.split(' ') ?? [];
      if (token === 'moved') response.writeHead(301, { location: 'https://hotswap.example.org/' }).end();
      else response.writeHead(Number(token), { 'content-type': 'text/html; charset=utf-8' }).end('<h1>hello</h1>');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${String((other.address() as AddressInfo).port)}`;
  });
  afterAll(() => new Promise((resolve) => other.close(resolve)));

  const ask = (token: string, ...args: readonly string[]): Promise<RanCommand> =>
    run(args, { HOTSWAP_SERVER: address, HOTSWAP_TOKEN: token });

  it.each(['200', '403', '404', '500'])('is told by its page with %s', async (status) => {
    for (const args of [['nodes'], ['logs', 'edge-1'], ['status', 'deploy-1', '--watch']]) {
      const ran = await ask(status, ...args);
      expect([ran.code, ran.stdout]).toEqual([exitCodes.usage, '']);
      for (const part of [address, 'HOTSWAP_SERVER', `answers ${status} with text/html`, 'HS_CLI_WRONG_SERVER'])
        expect(ran.stderr).toContain(part);
    }
  });

  it.each(['502', '503', '504'])('is a server that does not answer behind a proxy that says %s', async (status) => {
    const ran = await ask(status, 'nodes');
    expect([ran.code, ran.stderr]).toEqual([exitCodes.serverUnreachable, expect.stringContaining(`answers ${status}`)]);
  });

  it('is left for no other one, which is named', async () => {
    const ran = await ask('moved', 'nodes');
    expect([ran.code, ran.stderr]).toEqual([
      exitCodes.usage,
      expect.stringContaining('sends everybody on to https://hotswap.example.org/'),
    ]);
  });

  it('is told when it speaks no TLS', async () => {
    const ran = await run(['nodes'], { HOTSWAP_SERVER: address.replace('http:', 'https:') });
    expect([ran.code, ran.stderr]).toEqual([exitCodes.usage, expect.stringContaining('does not speak TLS')]);
  });
});
