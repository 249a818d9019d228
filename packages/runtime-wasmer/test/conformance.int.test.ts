import { runtimeHostSuite } from '@hotswap/testing';
import { wasmer } from '@hotswap/runtime-wasmer';
import { beforeAll, describe, it } from 'vitest';
import { contractRig } from './contract-folder.ts';
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
});
