import { readFile } from 'node:fs/promises';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { wasmer } from '@hotswap/runtime-wasmer';
import { beforeAll, expect, it } from 'vitest';
import { wasmerProgram } from './wasmer-program.ts';

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

let executable: string;
beforeAll(async () => {
  await buildExampleModules();
  executable = await wasmerProgram();
}, 1_800_000);

it('what functions write is told with each call of an open instance, and with its trap', async () => {
  await using host = await wasmer({ executable });
  await using module = await host.load({ bytes: await readFile(exampleModule('talker').path) });
  await using instance = await module.open();
  expect(text((await instance.invoke('say', [1])).stdout)).toBe('line 0000000\n');
  expect(Object.keys(await instance.invoke('say', [0])).sort()).toEqual(['durationMs', 'value']);
  expect(text((await instance.invoke('complain', [])).stderr)).toBe('trouble\n');
  await expect(instance.invoke('crash', [])).rejects.toMatchObject({ details: { stderr: 'last words\n' } });
});
