import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadedModule } from '@hotswap/core';
import { buildExampleModules, hostileModule } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe.each(['wasi-command', 'wasi-command-component'])('%s', (name) => {
  let test: TestHost;
  let command: LoadedModule;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
    command = await test.example(name, {
      wasi: { args: ['from-policy'], env: { HOTSWAP_GREETING: 'policy', OTHER: 'x' } },
      maxOutputSize: 1_000,
    });
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  it('gets the arguments and environment of its policy, and an empty stdin', async () => {
    const result = await command.run();
    expect(text(result.stdout)).toBe('arg: from-policy\nenv: policy\n');
    expect({ ...result, stdout: 0, durationMs: 0 }).toEqual({
      exitCode: 0,
      stdout: 0,
      stderr: result.stderr,
      droppedBytes: 0,
      durationMs: 0,
    });
    expect(text(result.stderr)).toBe('done\n');
  });

  it('gets those of the call instead, and its stdin', async () => {
    const result = await command.run({
      args: ['a b', '--exit=7'],
      env: { HOTSWAP_GREETING: 'call' },
      stdin: Buffer.from('grüße\n'),
    });
    expect(text(result.stdout)).toBe('arg: a b\narg: --exit=7\nenv: call\nGRüßE\n');
    // wasi:cli/exit knows success and failure only.
    expect(result.exitCode).toBe(name === 'wasi-command' ? 7 : 1);
  });

  it('starts anew each time', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => command.run({ args: [String(i)] })));
    expect(results.map(({ stdout }) => text(stdout))).toEqual(results.map((_, i) => `arg: ${i}\nenv: policy\n`));
  });

  it('keeps the head of what it writes beyond the limit, and counts the rest', async () => {
    const result = await command.run({ args: [], env: {}, stdin: Buffer.alloc(5_000, 'x') });
    expect(result.stdout.length).toBe(1_000);
    expect(result.droppedBytes).toBe('env: policy\n'.length + 5_000 - 1_000);
  });

  it('refuses a stdin larger than the input limit', async () => {
    await using small = await test.example(name, { limits: { maxInputSize: 10 } });
    expect((await failureOf(small.run({ stdin: Buffer.alloc(11) }))).code).toBe('HS_RUNTIME_INPUT_LIMIT');
  });

  it('sees nothing of this process without a policy', async () => {
    process.env['HOTSWAP_GREETING'] = 'leaked';
    try {
      await using bare = await test.example(name);
      expect(text((await bare.run()).stdout)).toBe('');
    } finally {
      delete process.env['HOTSWAP_GREETING'];
    }
  });
});

describe('commands', () => {
  it('are the only modules that can be run', async () => {
    await using test = await testHost();
    await using adder = await test.example('adder');
    expect((await failureOf(adder.run())).code).toBe('HS_RUNTIME_NOT_A_COMMAND');
  });

  it('are started when they are loaded, unless they are not to be', async () => {
    await using test = await testHost();
    const bytes = await readFile(hostileModule('trap-in-start').path);
    expect((await failureOf(test.host.load({ bytes }))).code).toBe('HS_RUNTIME_TRAP');
    await using module = await test.host.load({ bytes }, { probe: false });
    expect((await failureOf(module.open())).code).toBe('HS_RUNTIME_TRAP');
  });

  it('cannot be given a folder that does not exist', async () => {
    await using test = await testHost();
    const folder = await mkdtemp(join(tmpdir(), 'hotswap-dirs-'));
    try {
      await mkdir(join(folder, 'data'));
      await writeFile(join(folder, 'data', 'a.txt'), 'x');
      await using fine = await test.example('wasi-command', {
        wasi: { dirs: [{ hostPath: join(folder, 'data'), guestPath: '/data', readOnly: true }] },
      });
      expect((await fine.run()).exitCode).toBe(0);
      const failure = await failureOf(
        test.example('wasi-command', {
          wasi: { dirs: [{ hostPath: join(folder, 'none'), guestPath: '/data', readOnly: true }] },
        }),
      );
      expect([failure.code, failure.details['path']]).toEqual(['HS_RUNTIME_INVALID_ARGUMENT', 'wasi.dirs[0].hostPath']);
      expect(failure.message).not.toContain(folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
