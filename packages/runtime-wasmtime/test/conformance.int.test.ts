import { contractRig } from '@hotswap/example-modules';
import { type RuntimeHostRig, runtimeHostSuite } from '@hotswap/testing';
import { wasmtimeCapabilities } from '@hotswap/runtime-wasmtime';
import { describe, expect, it } from 'vitest';
import { testHost } from './test-host.ts';

async function rig(options: Parameters<typeof testHost>[0] = {}): Promise<RuntimeHostRig> {
  const test = await testHost(options);
  return await contractRig(test.host, () => test[Symbol.asyncDispose]());
}

describe('the contract of runtime hosts', () => {
  runtimeHostSuite({ test: it, create: () => rig() });
});

describe('the contract of runtime hosts, without a cache', () => {
  runtimeHostSuite({ test: it, create: () => rig({ cacheDirectory: false }) });
});

it('declares without being started what a host with default options reports', async () => {
  await using test = await testHost();
  expect(test.host.capabilities).toEqual(wasmtimeCapabilities);
});
