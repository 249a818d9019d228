import { readFile } from 'node:fs/promises';
import { buildExampleModules, exampleModule, hostileModules, unexpectedInChild } from '@hotswap/example-modules';
import { wasmer } from '@hotswap/runtime-wasmer';
import { beforeAll, expect, it } from 'vitest';
import { wasmerProgram } from './wasmer-program.ts';

let executable: string;
beforeAll(async () => {
  await buildExampleModules();
  executable = await wasmerProgram();
}, 1_800_000);

it('contains every hostile module, while a neighbour goes on', { timeout: 120_000 }, async () => {
  await using host = await wasmer({ executable, maxProcessMemoryMB: 512 });
  const neighbour = await host.load({ bytes: await readFile(exampleModule('adder').path) });
  const problems: string[] = [];
  for (const hostile of hostileModules) {
    const problem = await unexpectedInChild(host, hostile);
    if (problem !== undefined) problems.push(problem);
    expect((await neighbour.invoke('add', [2, 40])).value).toBe(42);
  }
  expect(problems).toEqual([]);
});
