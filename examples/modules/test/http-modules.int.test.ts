import { readFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI } from 'node:wasi';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';
import { v8Wasm } from './v8-wasm.ts';

beforeAll(async () => {
  await buildExampleModules();
});

describe('http-command', () => {
  async function answerTo(env: Record<string, string>, body: string): Promise<{ exitCode: number; output: string }> {
    const folder = await mkdtemp(join(tmpdir(), 'hotswap-cgi-'));
    try {
      await writeFile(join(folder, 'in'), body);
      const [stdin, stdout] = await Promise.all([open(join(folder, 'in')), open(join(folder, 'out'), 'w')]);
      const wasi = new WASI({ version: 'preview1', env, stdin: stdin.fd, stdout: stdout.fd, returnOnExit: true });
      const module = await v8Wasm.compile(readFileSync(exampleModule('http-command').path));
      const exitCode = wasi.start(await v8Wasm.instantiate(module, wasi.getImportObject()));
      await Promise.all([stdin.close(), stdout.close()]);
      return { exitCode, output: await readFile(join(folder, 'out'), 'utf8') };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  const head = 'Content-Type: text/plain\r\nX-Guest: http-command\r\n\r\n';

  it('answers a head, its environment and the body', async () => {
    expect(await answerTo({ REQUEST_METHOD: 'POST', PATH_INFO: '/any' }, 'the body')).toEqual({
      exitCode: 0,
      output: `${head}REQUEST_METHOD=POST\nPATH_INFO=/any\n\nthe body`,
    });
  });

  it('answers 404 for /missing and nothing for /exit', async () => {
    expect((await answerTo({ PATH_INFO: '/missing' }, '')).output).toBe(
      `Status: 404 Not Found\r\n${head}PATH_INFO=/missing\n\n`,
    );
    expect(await answerTo({ PATH_INFO: '/exit' }, '')).toEqual({ exitCode: 3, output: '' });
  });
});

describe('http-handler', () => {
  interface HandlerExports {
    readonly memory: { readonly buffer: ArrayBuffer };
    hotswap_alloc(length: number): number;
    hotswap_http_handle(request: number, length: number): bigint;
  }

  async function answerTo(request: string): Promise<string> {
    const module = await v8Wasm.compile(readFileSync(exampleModule('http-handler').path));
    const exports = (await v8Wasm.instantiate(module)).exports as HandlerExports;
    const at = exports.hotswap_alloc(request.length);
    new Uint8Array(exports.memory.buffer).set(Buffer.from(request), at);
    const answer = exports.hotswap_http_handle(at, request.length);
    return Buffer.from(exports.memory.buffer, Number(answer >> 32n), Number(answer & 0xffff_ffffn)).toString();
  }

  it.each(['GET / HTTP/1.1\r\nhost: x\r\n\r\n', `POST / HTTP/1.1\r\n\r\n${'x'.repeat(300_000)}`])(
    'answers the request as it came (row %#)',
    async (request) => {
      expect(await answerTo(request)).toBe(
        `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nx-guest: http-handler\r\n\r\n${request}`,
      );
    },
  );

  it('answers no HTTP for /bad and traps for /trap', async () => {
    expect(await answerTo('GET /bad HTTP/1.1\r\n\r\n')).toBe('no HTTP');
    await expect(answerTo('GET /trap HTTP/1.1\r\n\r\n')).rejects.toThrow('unreachable');
  });
});
