import { runtimeHostSuite } from '@hotswap/testing';
import { wasmedge, wasmedgeCapabilities } from '@hotswap/runtime-wasmedge';
import { beforeAll, describe, expect, it } from 'vitest';
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

  it('is declared without being started', async () => {
    await using host = await wasmedge(places);
    expect(host.capabilities).toEqual(wasmedgeCapabilities);
    expect(host.version.startsWith(version)).toBe(true);
  });
});
