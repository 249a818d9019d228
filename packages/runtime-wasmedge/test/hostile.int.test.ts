import { readFile } from 'node:fs/promises';
import { buildExampleModules, exampleModule, hostileModules } from '@hotswap/example-modules';
import { wasmedge } from '@hotswap/runtime-wasmedge';
import { beforeAll, describe, expect, it } from 'vitest';
import { unexpected } from './hostile-contract.ts';
import { versions, wasmEdge } from './wasmedge-library.ts';

describe.each(versions)('WasmEdge %s', (version) => {
  let places: Awaited<ReturnType<typeof wasmEdge>>;
  beforeAll(async () => {
    await buildExampleModules();
    places = await wasmEdge(version);
  }, 600_000);

  it('contains every hostile module, while a neighbour goes on', { timeout: 120_000 }, async () => {
    await using host = await wasmedge({ ...places, maxProcessMemoryMB: 512 });
    const neighbour = await host.load({ bytes: await readFile(exampleModule('adder').path) });
    const problems: string[] = [];
    for (const hostile of hostileModules) {
      const problem = await unexpected(host, hostile);
      if (problem !== undefined) problems.push(problem);
      expect((await neighbour.invoke('add', [2, 40])).value).toBe(42);
    }
    expect(problems).toEqual([]);
  });
});
