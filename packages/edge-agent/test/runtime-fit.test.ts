import { defaultModuleRuntime, defaultInstanceReuse, type DesiredRelease } from '@hotswap/core';
import { expect, test } from 'vitest';
import { checkRuntimeFit } from '../src/modules/runtime-fit.ts';
import { FakeRuntimeHost } from './fake-runtime-host.ts';
import { desiredRelease } from './node-fixture.ts';

const able = {
  ...new FakeRuntimeHost().capabilities,
  http: true,
  outgoingHttp: true,
  fuel: true,
  instanceReuse: true,
  moduleState: true,
};
const plain = desiredRelease({ releaseId: 'rel-1', digest: 'a'.repeat(64), sizeBytes: 1, weight: 1 });
const http = { hosts: [], pathPrefix: '/', access: 'public', affinity: null } as const;

const wishes: readonly [string, Partial<DesiredRelease>][] = [
  ['http', { http }],
  ['outgoingHttp', { capabilities: { env: {}, dirs: [], allowedHosts: ['api.example.org'] } }],
  ['fuel', { runtime: { ...defaultModuleRuntime, fuel: 1_000 } }],
  ['instanceReuse', { runtime: { ...defaultModuleRuntime, reuse: defaultInstanceReuse } }],
  ['moduleState', { runtime: { ...defaultModuleRuntime, stateful: true } }],
];

test.each(wishes)(
  'a release that needs %s is refused by a runtime without it, and only by that',
  (capability, wish) => {
    const release = { ...plain, ...wish };
    expect(() => checkRuntimeFit(release, 'wasmer', { ...able, [capability]: false })).toThrow(
      expect.objectContaining({
        code: 'HS_AGENT_RUNTIME_CANNOT',
        details: expect.objectContaining({ capability, runtime: 'wasmer' }),
      }),
    );
    expect(() => checkRuntimeFit(release, 'wasmtime', able)).not.toThrow();
    expect(() => checkRuntimeFit(plain, 'wasmer', { ...able, [capability]: false })).not.toThrow();
  },
);
