import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { errorFactory, runtimeContractErrorCodes } from '@hotswap/core';
import type { CommandOptions, LoadedModule, LoadOptions, RuntimeHost, WitValue } from '@hotswap/core';
import { exitCodes, runCli } from '@hotswap/cli';
import { TextSink } from './run-against.ts';

const runtimeError = errorFactory(runtimeContractErrorCodes);

describe('hotswap run', () => {
  let directory: string;
  let file: string;
  let loaded: LoadOptions | undefined;
  let ran: CommandOptions | undefined;
  let invoked: readonly [string, readonly WitValue[]] | undefined;
  let isCommand: boolean;
  let outcome: () => number;
  let dropped: number;
  let said: { readonly stdout?: Uint8Array; readonly stderr?: Uint8Array };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hotswap-run-'));
    file = join(directory, 'tool.wasm');
    await writeFile(file, new Uint8Array([0, 97, 115, 109]));
    loaded = ran = invoked = undefined;
    isCommand = true;
    outcome = () => 0;
    dropped = 0;
    said = {};
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const module = (): LoadedModule =>
    ({
      description: {
        isCommand,
        functions: [{ name: 'pkg:a/math@1.0.0#add-up', params: [{ name: 'xs', type: 'list<u8>' }], result: 'u64' }],
      },
      run: async (options: CommandOptions) => {
        ran = options;
        const exitCode = outcome();
        return {
          exitCode,
          stdout: Buffer.from('out'),
          stderr: Buffer.from('err'),
          droppedBytes: dropped,
          durationMs: 1,
        };
      },
      invoke: async (name: string, args: readonly WitValue[]) => {
        invoked = [name, args];
        outcome();
        return { value: 2n ** 60n, durationMs: 1, ...said };
      },
      open: async () => ({ [Symbol.asyncDispose]: async () => undefined }),
      [Symbol.asyncDispose]: async () => undefined,
    }) as unknown as LoadedModule;
  const runtime = {
    load: async (_source: unknown, options: LoadOptions) => {
      loaded = options;
      return module();
    },
    [Symbol.asyncDispose]: async () => undefined,
  } as unknown as RuntimeHost;

  const run = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    const stdout = new TextSink();
    const stderr = new TextSink();
    const code = await runCli(args, {
      stdout,
      stderr,
      env: { HOME: '/home/me' },
      signal: new AbortController().signal,
      openRuntime: () => Promise.resolve(runtime),
    });
    return { code, stdout: stdout.text, stderr: stderr.text };
  };

  it('gives the guest everything behind the file, even what looks like options of ours', async () => {
    await run('run', '--', file, 'a', '--', 'b');
    expect(ran?.args).toEqual(['a', '--', 'b']);
    await run('run', file, '--dir', 'x', '-o', 'json', '--', '--help');
    expect(ran?.args).toEqual(['--dir', 'x', '-o', 'json', '--', '--help']);
    await run('-o', 'text', 'run', '--timeout', '3', '--env=A=1', file, '--version');
    expect([ran?.args, loaded?.limits?.maxExecutionTime, loaded?.wasi?.env]).toEqual([
      ['--version'],
      'PT3S',
      { A: '1' },
    ]);
    await run('run', file, '--', 'plain');
    expect(ran?.args).toEqual(['--', 'plain']);
  });

  it('makes no document of what a program writes', async () => {
    const refused = await run('-o', 'json', 'run', file);
    expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([2, { error: { code: 'HS_CLI_INVALID_OPTION' } }]);
    expect(ran).toBeUndefined();
  });

  it('takes directories, variables and limits, and grants nothing by itself', async () => {
    await run('run', file);
    expect(loaded).toMatchObject({
      limits: { maxExecutionTime: 'PT24H', maxMemoryMB: 4_096 },
      wasi: { programName: 'tool.wasm', env: {}, dirs: [] },
    });
    expect([loaded?.network, loaded?.runtime]).toEqual([undefined, undefined]);
    const dirs = ['--dir', 'packages::/data::ro', '--dir', `${directory}::/tmp`, '--dir', '.'];
    const more = [
      '--env',
      'A=b=c',
      '--env',
      'HOME',
      '--memory',
      '64',
      '--fuel',
      '1000',
      '--allow-host',
      'a.example.org',
    ];
    await run('run', ...dirs, ...more, file);
    expect(loaded).toMatchObject({
      limits: { maxMemoryMB: 64 },
      runtime: { fuel: 1_000 },
      network: { allowedHosts: ['a.example.org'], allowPrivateAddresses: false },
      wasi: {
        env: { A: 'b=c', HOME: '/home/me' },
        dirs: [
          { hostPath: resolve('packages'), guestPath: '/data', readOnly: true },
          { hostPath: directory, guestPath: '/tmp', readOnly: false },
          { hostPath: resolve('.'), guestPath: '.', readOnly: false },
        ],
      },
    });
  });

  it.each([
    ['--fuel', '1.5', 'a whole number'],
    ['--fuel', '1e30', 'a whole number'],
    ['--memory', '4097', '4,096'],
    ['--timeout', '86401', '86,400'],
  ])('refuses %s %s by the name of the option', async (option, value, why) => {
    const { code, stderr } = await run('run', option, value, file);
    expect([code, loaded]).toEqual([exitCodes.usage, undefined]);
    expect(stderr).toContain(option);
    expect(stderr).toContain(why);
  });

  it("ends with the guest's exit code and passes its output on as it is", async () => {
    outcome = () => 17;
    expect(await run('run', file)).toEqual({ code: 17, stdout: 'out', stderr: 'err' });
  });

  it('leaves a variable out that this process does not have', async () => {
    expect((await run('run', '--env', 'NOT_SET', '--env', 'HOME', file)).code).toBe(0);
    expect(loaded?.wasi?.env).toEqual({ HOME: '/home/me' });
  });

  it('lets a guest reach this machine only where it is told so', async () => {
    await run('run', '--allow-host', 'localhost:3000', '--allow-private-addresses', file);
    expect(loaded?.network).toEqual({ allowedHosts: ['localhost:3000'], allowPrivateAddresses: true });
  });

  it('starts the guest once, when it is run', async () => {
    await run('run', file);
    expect(loaded?.probe).toBe(false);
  });

  it('fails where output was dropped', async () => {
    dropped = 7;
    const { code, stderr } = await run('run', file);
    expect(code).toBe(exitCodes.error);
    expect(stderr).toContain('7 bytes of output were dropped');
  });

  it.each([
    [';; (module)', 'wasm-tools parse'],
    [' \n(module)', 'wasm-tools parse'],
    ['\x7fELF\x02', 'compiled ahead of time'],
  ])('says what %j is instead of a module', async (content, why) => {
    await writeFile(file, content);
    const { code, stderr } = await run('run', file);
    expect([code, loaded]).toEqual([exitCodes.usage, undefined]);
    expect(stderr).toContain(why);
    expect(stderr).toContain('HS_CLI_NOT_A_BINARY');
  });

  it('reads standard input from a file where it is told', async () => {
    await writeFile(join(directory, 'in.txt'), 'typed');
    await run('run', '--stdin', join(directory, 'in.txt'), file);
    expect(Buffer.from(ran?.stdin ?? []).toString()).toBe('typed');
  });

  it('ends with 134 and a backtrace when the guest traps', async () => {
    outcome = () => {
      throw runtimeError('HS_RUNTIME_TRAP', {
        trap: 'unreachable',
        frames: [
          { functionIndex: 3, functionName: 'inner', moduleName: 'tool', moduleOffset: 266 },
          { functionIndex: 4, moduleOffset: 300 },
        ],
      });
    };
    const { code, stderr } = await run('run', file);
    expect(code).toBe(134);
    expect(stderr).toContain('Error: failed to run `tool.wasm`');
    expect(stderr).toContain('    0: 0x10a - tool!inner\n    1: 0x12c - <unknown>!<wasm function 4>\n');
  });

  it('ends with 1 and the reason when a host function refuses the guest', async () => {
    outcome = () => {
      throw runtimeError('HS_RUNTIME_TRAP', { trap: 'host', reason: 'exit with invalid exit status', frames: [] });
    };
    const { code, stderr } = await run('run', file);
    expect(code).toBe(exitCodes.error);
    expect(stderr).toContain('exit with invalid exit status');
  });

  it('shows what a function wrote, also when it fails', async () => {
    isCommand = false;
    said = { stdout: Buffer.from('hello\n'), stderr: Buffer.from('hm\n') };
    expect(await run('run', '--invoke', 'add_up', file, '"AQI="')).toEqual({
      code: 0,
      stdout: 'hello\n"1152921504606846976"\n',
      stderr: 'hm\n',
    });
    outcome = () => {
      throw runtimeError('HS_RUNTIME_TRAP', { trap: 'unreachable', stdout: 'last words\n', frames: [] });
    };
    const failed = await run('run', '--invoke', 'add_up', file, '"AQI="');
    expect([failed.code, failed.stdout]).toEqual([134, 'last words\n']);
  });

  it('calls a function with --invoke and prints its result as JSON', async () => {
    isCommand = false;
    expect(await run('run', '--invoke', 'add_up', file, '"AQI="')).toMatchObject({
      code: 0,
      stdout: '"1152921504606846976"\n',
    });
    expect(invoked).toEqual(['pkg:a/math@1.0.0#add-up', [new Uint8Array([1, 2])]]);
    expect(await run('run', '--invoke', 'nothing', file)).toMatchObject({
      code: exitCodes.notFound,
      stderr: expect.stringContaining('add-up') as unknown,
    });
  });

  it.each([
    [['--dir', 'a::b::rw'], '--dir'],
    [['--dir', '::b'], '--dir'],
    [['--dir', 'nowhere::/x'], 'nowhere'],
    [['--dir', 'package.json'], 'package.json'],
    [['--env', '=x'], '--env'],
    [['--timeout', '0'], '--timeout'],
  ])('refuses %j and names the option', async (options, named) => {
    const { code, stderr } = await run('run', ...options, file);
    expect([code, loaded]).toEqual([exitCodes.usage, undefined]);
    expect(stderr).toContain(named);
  });

  it('says which functions there are when a module is no program', async () => {
    isCommand = false;
    const { code, stderr } = await run('run', file);
    expect(code).toBe(exitCodes.usage);
    expect(stderr).toContain('--invoke: pkg:a/math@1.0.0#add-up');
  });
});
