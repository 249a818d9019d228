import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildExampleModules, exampleModule, hostileModule } from '@hotswap/example-modules';
import { hotswapRun, mismatches, readSuite, runWasiCase, type WasiCase } from './wasi-case.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const file = pathOf('./wasi/programs.wasm');
const own = (JSON.parse(await readFile(pathOf('./wasi/programs.json'), 'utf8')) as Omit<WasiCase, 'file'>[]).map(
  (one): WasiCase => ({ ...one, file }),
);

/** Directories with the built tests of the public suite, e.g. by `HOTSWAP_WASI_TESTSUITE=/tmp/c:/tmp/rust`. */
const suites = (process.env['HOTSWAP_WASI_TESTSUITE'] ?? '').split(delimiter).filter((directory) => directory !== '');
const others = (await Promise.all(suites.map(readSuite))).flat();

/**
 * Its start function makes a folder, its program ends with how that went:
 * `(func $s (global.set $r (call $path_create_directory (i32.const 3) (i32.const 0) (i32.const 4)))) (start $s)`
 * `(func (export "_start") (call $proc_exit (global.get $r)))`
 */
const startsOnce = Buffer.from(
  'AGFzbQEAAAABDwNgA39/fwF/YAF/AGAAAAJTAhZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxFXBhdGhfY3JlYXRlX2RpcmVjdG9yeQAAFndhc2lfc25h' +
    'cHNob3RfcHJldmlldzEJcHJvY19leGl0AAEDAwICAgUDAQABBgYBfwFBAAsHEwIGbWVtb3J5AgAGX3N0YXJ0AAMIAQIKFQIMAEEDQQBBBBAAJAAL' +
    'BgAjABABCwsKAQBBAAsEbWFkZQ==',
  'base64',
);

describe('hotswap run, like the wasmtime command', () => {
  beforeAll(() => buildExampleModules(), 120_000);

  it.each([...own, ...others].map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    expect(mismatches(one, await runWasiCase(one))).toEqual([]);
  });

  it('runs components, and ends with 134 where a start function traps', async () => {
    const component = exampleModule('wasi-command-component').path;
    expect(await hotswapRun([component, 'one', '--two'], 'words')).toEqual({
      exitCode: 0,
      stdout: 'arg: one\narg: --two\nWORDS',
      stderr: 'done\n',
    });
    const greeted = await hotswapRun(['--invoke', 'greet', exampleModule('greeter', '1.0.0').path, 'Ada']);
    expect([greeted.exitCode, greeted.stdout]).toEqual([0, '"Hello, Ada!"\n']);
    expect((await hotswapRun([hostileModule('trap-in-start').path])).exitCode).toBe(134);
  });

  it('runs what needs WASI 0.3 where it is asked to try that out', async () => {
    const program = fileURLToPath(new URL('../../../examples/modules/rust/async-lab-1.0.0.wasm', import.meta.url));
    const tried = await hotswapRun(['--experimental', 'preview3', program, 'one', 'two'], 'words');
    expect(tried).toEqual({ exitCode: 0, stdout: 'WORDS', stderr: expect.stringContaining('one two') as string });
    const refused = await hotswapRun([program]);
    expect([refused.exitCode, refused.stderr]).toEqual([
      expect.toSatisfy((code: number) => code !== 0),
      expect.stringContaining('HS_RUNTIME_UNSUPPORTED'),
    ]);
    expect((await hotswapRun(['--experimental', 'preview9', program])).stderr).toContain('HS_CLI_INVALID_OPTION');
  });

  it('starts a program once, with what it was granted', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-start-'));
    const program = join(directory, 'starts.wasm');
    await writeFile(program, startsOnce);
    expect((await hotswapRun(['--dir', `${directory}::/`, program])).exitCode).toBe(0);
    await rm(directory, { recursive: true });
  });

  it('reads a file of any size as standard input, and writes as much', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'hotswap-stdin-'));
    const input = join(directory, 'input');
    const size = 80 * 1_048_576;
    await writeFile(input, Buffer.alloc(size, 'x'));
    const main = pathOf('../src/main.ts');
    const args = ['--conditions=@hotswap/source', main, 'run', '--stdin', input, file, 'cat'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => (length += chunk.length));
    expect([(await once(child, 'close'))[0], length]).toEqual([0, size]);
    await rm(directory, { recursive: true });
  });

  it('takes a module from standard input', async () => {
    const child = spawn(
      process.execPath,
      ['--conditions=@hotswap/source', pathOf('../src/main.ts'), 'run', '-', 'leave', '7'],
      { stdio: ['pipe', 'ignore', 'ignore'] },
    );
    child.stdin.end(await readFile(file));
    expect((await once(child, 'close'))[0]).toBe(7);
  });

  it('shows what a function writes', async () => {
    const talker = exampleModule('talker', '1.0.0').path;
    expect(await hotswapRun(['--invoke', 'say', talker, '2'])).toMatchObject({
      exitCode: 0,
      stdout: 'line 0000000\nline 0000001\n2\n',
    });
    const crashed = await hotswapRun(['--invoke', 'crash', talker]);
    expect([crashed.exitCode, crashed.stderr.startsWith('last words\n')]).toEqual([134, true]);
  });

  it('streams: output comes while the program still reads its input', async () => {
    const main = pathOf('../src/main.ts');
    const child = spawn(process.execPath, ['--conditions=@hotswap/source', main, 'run', file, 'cat'], {
      stdio: 'pipe',
    });
    for (const line of ['one\n', 'two\n', 'three\n']) {
      child.stdin.write(line);
      expect(String((await once(child.stdout, 'data'))[0])).toBe(line);
    }
    child.stdin.end();
    expect((await once(child, 'close'))[0]).toBe(0);
  });
});
