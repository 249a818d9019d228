import { runtimeHostSuite } from '@hotswap/testing';
import { wasmedge } from '@hotswap/runtime-wasmedge';
import { beforeAll, describe, it } from 'vitest';
import { contractRig } from './contract-folder.ts';
import { versions, wasmEdge } from './wasmedge-library.ts';

describe.each(versions)('the contract of runtime hosts, on WasmEdge %s', (version) => {
  let places: Awaited<ReturnType<typeof wasmEdge>>;
  beforeAll(async () => {
    places = await wasmEdge(version);
  }, 600_000);
  runtimeHostSuite({
    test: it,
    create: async () => await contractRig(await wasmedge(places)),
  });
});
