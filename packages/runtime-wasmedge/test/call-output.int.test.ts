import { readFile } from 'node:fs/promises';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { wasmedge } from '@hotswap/runtime-wasmedge';
import { beforeAll, describe, expect, it } from 'vitest';
import { libraries, placesOrSkip } from './wasmedge-library.ts';

/** `hang_up` closes both output streams; `flood` writes 200,000 zero bytes at once and answers how many were taken. */
const rudeModule = Buffer.from(
  'AGFzbQEAAAABEgNgBH9/f38Bf2ABfwF/YAABfwJFAhZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRlAAAWd2FzaV9zbmFwc2hvdF9wcmV2aWV3MQhmZF9jbG9zZQABAwMCAgIFAwEABAccAwZtZW1vcnkCAAdoYW5nX3VwAAIFZmxvb2QAAwowAgsAQQEQAUECEAFyCyIAQQBBEDYCAEEEQcCaDDYCAEEBQQBBAUEIEAAaQQgoAgAL',
  'base64',
);

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString();

describe.each(libraries)('what functions write on WasmEdge $version', (library) => {
  const places = placesOrSkip(library);
  if (places === undefined) return;
  beforeAll(async () => {
    await buildExampleModules();
  }, 600_000);

  it('is told with each call of an open instance, and with its trap', async () => {
    await using host = await wasmedge(places);
    await using module = await host.load({ bytes: await readFile(exampleModule('talker').path) });
    await using instance = await module.open();
    expect(text((await instance.invoke('say', [1])).stdout)).toBe('line 0000000\n');
    expect(Object.keys(await instance.invoke('say', [0])).sort()).toEqual(['durationMs', 'value']);
    expect(text((await instance.invoke('complain', [])).stderr)).toBe('trouble\n');
    await expect(instance.invoke('crash', [])).rejects.toMatchObject({ details: { stderr: 'last words\n' } });
  });

  it('is whole after a guest that has closed its streams', async () => {
    await using host = await wasmedge({ ...places, processes: 1 });
    await using rude = await host.load({ bytes: rudeModule });
    expect((await rude.invoke('hang_up', [])).value).toBe(0);
    const { value, stdout } = await rude.invoke('flood', []);
    expect([value, stdout?.length]).toEqual([200_000, 200_000]);
  });
});
