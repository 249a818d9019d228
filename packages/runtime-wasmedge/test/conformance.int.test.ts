import { contractRig } from '@hotswap/example-modules';
import { runtimeHostSuite } from '@hotswap/testing';
import { wasmedge, wasmedgeCapabilities } from '@hotswap/runtime-wasmedge';
import { describe, expect, it } from 'vitest';
import { libraries, placesOrSkip } from './wasmedge-library.ts';

describe.each(libraries)('the contract of runtime hosts, on WasmEdge $version', (library) => {
  const places = placesOrSkip(library);
  if (places === undefined) return;
  runtimeHostSuite({
    test: it,
    create: async () => await contractRig(await wasmedge(places)),
  });

  it('is declared without being started', async () => {
    await using host = await wasmedge(places);
    expect(host.capabilities).toEqual(wasmedgeCapabilities);
    expect(host.version.startsWith(library.version)).toBe(true);
  });
});
