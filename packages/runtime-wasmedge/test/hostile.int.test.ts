import { readFile } from 'node:fs/promises';
import { buildExampleModules, exampleModule, hostileModules, unexpectedInChild } from '@hotswap/example-modules';
import { wasmedge } from '@hotswap/runtime-wasmedge';
import { beforeAll, describe, expect, it } from 'vitest';
import { libraries, placesOrSkip } from './wasmedge-library.ts';

describe.each(libraries)('WasmEdge $version', (library) => {
  const places = placesOrSkip(library);
  if (places === undefined) return;
  beforeAll(async () => {
    await buildExampleModules();
  }, 600_000);

  it('contains every hostile module, while a neighbour goes on', { timeout: 120_000 }, async () => {
    await using host = await wasmedge({ ...places, maxProcessMemoryMB: 512 });
    const neighbour = await host.load({ bytes: await readFile(exampleModule('adder').path) });
    const problems: string[] = [];
    for (const hostile of hostileModules) {
      const problem = await unexpectedInChild(host, hostile);
      if (problem !== undefined) problems.push(problem);
      expect((await neighbour.invoke('add', [2, 40])).value).toBe(42);
    }
    expect(problems).toEqual([]);
  });
});
