import { type RuntimeHost, isHotSwapError } from '@hotswap/core';
import { wasmtime } from '@hotswap/runtime-wasmtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doublingTuples, nestedComponents, nestedLists, nestedOptions, wideTuple } from './binary-modules.ts';

/** F81: interface types are read by code that follows them; depth and size have an end before its stack has. */
describe('hostile interface types', () => {
  let host: RuntimeHost;
  beforeAll(async () => {
    host = await wasmtime({ cacheDirectory: false });
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  const refused = ['HS_RUNTIME_INVALID_MODULE', 'HS_RUNTIME_UNSUPPORTED', 'HS_RUNTIME_COMPILE_FAILED'];
  const codesOf = async (bytes: Uint8Array): Promise<string[]> =>
    await Promise.all(
      [host.inspect(bytes), host.load({ bytes }).then((module) => module[Symbol.asyncDispose]())].map((work) =>
        work.then(
          () => 'answered',
          (error: unknown) => (isHotSwapError(error) ? error.code : String(error)),
        ),
      ),
    );

  it.each([
    ['lists 10 deep', nestedLists(10), 'HS_RUNTIME_LINK_FAILED'],
    ['a tuple of 50', wideTuple(50), 'HS_RUNTIME_LINK_FAILED'],
  ])('take %s: only the import is missing', async (_, bytes, code) => {
    expect(await codesOf(bytes)).toEqual(['answered', code]);
  });

  it.each([
    ['lists 1,000 deep', nestedLists(1_000)],
    ['lists 100,000 deep', nestedLists(100_000)],
    ['lists a million deep', nestedLists(990_000)],
    ['options 100,000 deep', nestedOptions(100_000)],
    ['tuples whose text doubles 40 times', doublingTuples(40)],
    ['a tuple of 100,000', wideTuple(100_000)],
    ['components 1,000 deep', nestedComponents(1_000)],
    ['components 5,000 deep', nestedComponents(5_000)],
    ['components 101 deep', nestedComponents(101)],
  ])('refuse %s', async (_, bytes) => {
    for (const code of await codesOf(bytes)) expect(refused).toContain(code);
  });

  it('keep answering afterwards', async () => {
    expect(await codesOf(nestedLists(3))).toEqual(['answered', 'HS_RUNTIME_LINK_FAILED']);
  });
});
