import { describe, expect, it } from 'vitest';
import { wasmedge } from '@hotswap/runtime-wasmedge';
import { libraries, placesOrSkip } from './wasmedge-library.ts';

describe.each(libraries.slice(0, 1))('a machine without a WasmEdge that fits', (library) => {
  const places = placesOrSkip(library);
  if (places === undefined) return;
  const { executable } = places;

  it('is told what was tried, what was found, which version is needed and how to get it', async () => {
    const failure = wasmedge({ executable, library: '/nowhere/libwasmedge.so.0' });
    await expect(failure).rejects.toMatchObject({
      code: 'HS_RUNTIME_WASMEDGE_NOT_FOUND',
      details: {
        tried: ['/nowhere/libwasmedge.so.0'],
        found: ['/nowhere/libwasmedge.so.0: not there'],
        minimum: '0.14.1, or 0.17.1 and newer',
      },
    });
    await expect(failure).rejects.toThrow(/WASMEDGE_LIB.*optional/);
  });

  it('is told that a library is another one', async () => {
    await expect(wasmedge({ executable, library: 'libm.so.6' })).rejects.toThrow(
      'libm.so.6: no WasmEdge that this program knows, it lacks WasmEdge_VersionGetMajor',
    );
  });

  it('is told where the program was looked for', async () => {
    await expect(wasmedge({ executable: '/nowhere/engine' })).rejects.toMatchObject({
      code: 'HS_RUNTIME_CHILD_MISSING',
      details: { tried: ['/nowhere/engine'], variable: 'HOTSWAP_WASMEDGE_EXECUTABLE' },
    });
  });
});
