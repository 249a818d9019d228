import assert from 'node:assert/strict';
import type { CommandResult, LoadOptions, RuntimeHost } from '@hotswap/core';
import type { Clause, Clauses } from '../define-suite.ts';
import { bytesOf, type ContractModule, folderModule, programModule } from './contract-modules.ts';
import { type ContractFolder, rejects, type RuntimeHostRig, where } from './host-clauses.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const afterName = ({ stdout }: CommandResult): string => text(stdout).replace(/^[^\0]*\0/, '');

async function runOnce(
  host: RuntimeHost,
  module: ContractModule,
  load: LoadOptions,
  run?: Parameters<Awaited<ReturnType<RuntimeHost['load']>>['run']>[0],
): Promise<CommandResult> {
  await using program = await host.load({ bytes: bytesOf(module) }, load);
  return await program.run(run);
}

/** A clause that is about a folder. */
const onFolder = (clause: (host: RuntimeHost, folder: ContractFolder) => Promise<void>): Clause<RuntimeHostRig> =>
  where('preview1', async ({ host, folder }) => {
    assert.ok(folder, 'a rig of a host with WASI brings a folder');
    await clause(host, folder);
  });

const granted = (folder: ContractFolder, readOnly: boolean): LoadOptions => ({
  wasi: { dirs: [{ hostPath: folder.hostPath, guestPath: '/data', readOnly }] },
});

/** Programs of WASI preview 1. @internal */
export const programClauses: Clauses<RuntimeHostRig> = {
  'a program gets the arguments and environment of its policy, and nothing else': where(
    'preview1',
    async ({ host }) => {
      const result = await runOnce(host, programModule, { wasi: { args: ['a', 'b c'], env: { KEY: 'value' } } });
      assert.equal(afterName(result), 'a\0b c\0KEY=value\0');
      assert.deepEqual([result.exitCode, text(result.stderr)], [3, '']);
      assert.equal(afterName(await runOnce(host, programModule, {})), '');
    },
  ),

  'a program has the name of its policy, and otherwise one of its runtime': where('preview1', async ({ host }) => {
    for (const args of [undefined, ['policy']]) {
      const named = await runOnce(host, programModule, { wasi: { programName: 'tool', ...(args && { args }) } });
      assert.equal(text(named.stdout), ['tool', ...(args ?? []), ''].join('\0'));
    }
    const called = await runOnce(host, programModule, { wasi: { programName: 'tool' } }, { args: ['call'] });
    assert.equal(text(called.stdout), 'tool\0call\0');
    assert.match(text((await runOnce(host, programModule, {})).stdout), /^module\0$/);
  }),

  'refuses arguments and variables that are no text, and lives': where('preview1', async ({ host }) => {
    const half = '\ud800';
    for (const wrong of [{ args: [half] }, { env: { [half]: 'value' } }, { env: { NAME: half } }]) {
      await rejects(runOnce(host, programModule, { wasi: wrong }), 'HS_RUNTIME_INVALID_ARGUMENT');
      await rejects(runOnce(host, programModule, {}, wrong), 'HS_RUNTIME_INVALID_ARGUMENT');
    }
    assert.equal((await runOnce(host, programModule, {})).exitCode, 1);
  }),

  'a program gets the arguments, environment and input of its call': where('preview1', async ({ host }) => {
    const load = { wasi: { args: ['policy'], env: { KEY: 'policy' } } };
    const input = 'line\n'.repeat(2_000);
    const run = { args: ['call'], env: { KEY: 'call' }, stdin: new TextEncoder().encode(input) };
    const result = await runOnce(host, programModule, load, run);
    assert.equal(afterName(result), 'call\0KEY=call\0');
    assert.deepEqual([result.exitCode, text(result.stderr), result.droppedBytes], [2, input, 0]);
  }),

  'what a program writes beyond the limit is dropped and counted': where('preview1', async ({ host }) => {
    const result = await runOnce(host, programModule, { maxOutputSize: 100 }, { stdin: new Uint8Array(5_000) });
    assert.deepEqual([result.stderr.length, result.droppedBytes], [100, 4_900]);
  }),

  'a program is not given more input than the limit': where('preview1', async ({ host }) => {
    const load = { limits: { maxInputSize: 10 } };
    await rejects(runOnce(host, programModule, load, { stdin: new Uint8Array(11) }), 'HS_RUNTIME_INPUT_LIMIT');
  }),

  'programs that run at once do not see each other': where('preview1', async ({ host }) => {
    await using program = await host.load({ bytes: bytesOf(programModule) });
    const results = await Promise.all(Array.from({ length: 12 }, (_, n) => program.run({ args: [`run-${n}`] })));
    assert.deepEqual(
      results.map(afterName),
      results.map((_, n) => `run-${n}\0`),
    );
  }),

  'a program reads a file of the folder that it was given': onFolder(async (host, folder) => {
    const result = await runOnce(host, folderModule, granted(folder, true), { args: ['in.txt'] });
    assert.deepEqual([result.exitCode, text(result.stdout)], [0, 'inside']);
  }),

  'a program changes nothing in a folder that is read-only': onFolder(async (host, folder) => {
    const before = await folder.names();
    const result = await runOnce(host, folderModule, granted(folder, true), { args: ['out.txt', 'create'] });
    assert.notEqual(result.exitCode, 0);
    assert.deepEqual(await folder.names(), before);
  }),

  'a program writes into a folder that is not read-only': onFolder(async (host, folder) => {
    const result = await runOnce(host, folderModule, granted(folder, false), { args: ['out.txt', 'create'] });
    assert.equal(result.exitCode, 0);
    assert.ok((await folder.names()).includes('out.txt'));
  }),

  'a program does not get out of its folder, by its path or by a link': onFolder(async (host, folder) => {
    for (const path of ['../secret.txt', '/etc/passwd', 'link', 'in.txt/../../secret.txt']) {
      const result = await runOnce(host, folderModule, granted(folder, false), { args: [path] });
      assert.deepEqual([result.exitCode !== 0, text(result.stdout)], [true, ''], `${path} was opened`);
    }
  }),

  'a folder that is not there is refused by a code that does not tell where it was looked for': onFolder(
    async (host, folder) => {
      const missing = { hostPath: `${folder.hostPath}/none`, guestPath: '/data', readOnly: true };
      await assert.rejects(
        host.load({ bytes: bytesOf(folderModule) }, { wasi: { dirs: [missing] } }),
        (thrown: Error) => !thrown.message.includes(folder.hostPath),
      );
    },
  ),
};
