import { contractRig } from '@hotswap/example-modules';
import { runtimeHostSuite } from '@hotswap/testing';
import { wasmer, wasmerCapabilities } from '@hotswap/runtime-wasmer';
import { beforeAll, describe, expect, it } from 'vitest';
import { wasmerProgram } from './wasmer-program.ts';

describe('the contract of runtime hosts', () => {
  let executable: string;
  beforeAll(async () => {
    executable = await wasmerProgram();
  }, 1_800_000);
  runtimeHostSuite({
    test: it,
    create: async () => await contractRig(await wasmer({ executable })),
  });

  it('is declared without being started', async () => {
    await using host = await wasmer({ executable });
    expect(host.capabilities).toEqual(wasmerCapabilities);
    expect(host.version).toMatch(/^7\./);
  });
});
