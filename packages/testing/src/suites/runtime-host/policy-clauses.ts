import assert from 'node:assert/strict';
import type { LoadedModule, LoadOptions, RuntimeCapabilities, RuntimeHost } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import { bytesOf, coreModule } from './contract-modules.ts';
import { loadCore, rejects, type RuntimeHostRig, where } from './host-clauses.ts';

const load = (host: RuntimeHost, options: LoadOptions): Promise<LoadedModule> =>
  host.load({ bytes: bytesOf(coreModule) }, options);

const noNumber = [Number.NaN, -1, Number.NEGATIVE_INFINITY];
/** Sizes and counts; the last is more than 64 bits hold. */
const noCount = [...noNumber, 0.5, 2 ** 65];
const reuse = { maxInstances: 1, maxCalls: 3, maxIdleTime: 'PT1M' } as const;

const wrongOptions: readonly LoadOptions[] = [
  ...noNumber.flatMap((wrong) => [{ limits: { maxMemoryMB: wrong } }, { limits: { maxCpuPercent: wrong } }]),
  ...noCount.flatMap((wrong) => [
    { limits: { maxInputSize: wrong } },
    { maxOutputSize: wrong },
    { maxLogBytesPerSecond: wrong },
    { maxStateBytes: wrong },
    { runtime: { fuel: wrong } },
    { runtime: { reuse: { ...reuse, maxCalls: wrong } } },
    { runtime: { reuse: { ...reuse, maxInstances: wrong } } },
  ]),
  { limits: { maxMemoryMB: 1_000_000 } },
  { runtime: { fuel: 0 } },
  { runtime: { reuse: { ...reuse, maxCalls: 0 } } },
  // Nothing could be done in no time, and no timer runs as long as the others.
  ...['PT0S', 'P60D', 'P99999999999999999999D'].flatMap((span) => [
    { limits: { maxExecutionTime: span } },
    { runtime: { reuse: { ...reuse, maxIdleTime: span } } },
  ]),
];

const network = { allowedHosts: [] };

const wrongNetworks: readonly LoadOptions[] = [
  // As a program without types would write it.
  ...[...noCount, '5' as never].flatMap((wrong) => [
    { network: { ...network, maxConcurrentRequests: wrong } },
    { network: { ...network, maxRequestBytes: wrong } },
    { network: { ...network, maxResponseBytes: wrong } },
    { network: { ...network, requestTimeoutMs: wrong } },
  ]),
  { network: { ...network, maxConcurrentRequests: 0 } },
  { network: { ...network, requestTimeoutMs: 0 } },
  { network: { ...network, requestTimeoutMs: 60 * 86_400_000 } },
];

/** As a program without types would write them. */
const unknownOptions: readonly unknown[] = [
  { limit: { maxMemoryMB: 1 } },
  { limits: { maxMemory: 1 } },
  { wasi: { environment: {} } },
  { runtime: { reuse: { ...reuse, poolSize: 1 } } },
  { network: { ...network, timeoutMs: 1 } },
  { network: { ...network, sockets: { tcp: [], udp: [], lookup: true } } },
];

const unbounded = ({ fuel, instanceReuse, outgoingHttp }: RuntimeCapabilities): LoadOptions => ({
  limits: { maxMemoryMB: Infinity, maxCpuPercent: Infinity, maxInputSize: Infinity },
  maxOutputSize: Infinity,
  maxLogBytesPerSecond: Infinity,
  maxStateBytes: Infinity,
  ...(outgoingHttp
    ? {
        network: {
          ...network,
          maxConcurrentRequests: Infinity,
          maxRequestBytes: Infinity,
          maxResponseBytes: Infinity,
          requestTimeoutMs: Infinity,
        },
      }
    : {}),
  runtime: {
    ...(fuel ? { fuel: Infinity } : {}),
    ...(instanceReuse ? { reuse: { maxInstances: Infinity, maxCalls: Infinity, maxIdleTime: 'PT1M' } } : {}),
  },
});

/** Numbers of a policy: the same ones are taken, and refused, by every host. @internal */
export const policyClauses: Clauses<RuntimeHostRig> = {
  async 'refuses limits that are no numbers of their kind, and lives'({ host }) {
    for (const wrong of wrongOptions) await rejects(load(host, wrong), 'HS_RUNTIME_INVALID_ARGUMENT');
    await using module = await loadCore(host);
    assert.equal((await module.invoke('add', [1, 2])).value, 3);
  },

  async 'refuses limits of the network that are no numbers of their kind, and lives'({ host }) {
    for (const wrong of wrongNetworks) await rejects(load(host, wrong), 'HS_RUNTIME_INVALID_ARGUMENT');
    await using module = await loadCore(host);
    assert.equal((await module.invoke('add', [1, 2])).value, 3);
  },

  async 'refuses options that there are not, and lives'({ host }) {
    for (const wrong of unknownOptions) await rejects(load(host, wrong as LoadOptions), 'HS_RUNTIME_INVALID_ARGUMENT');
    await using module = await loadCore(host);
    assert.equal((await module.invoke('add', [1, 2])).value, 3);
  },

  async 'takes Infinity for no bound'({ host }) {
    const { fuel, instanceReuse } = host.capabilities;
    await using module = await load(host, unbounded(host.capabilities));
    const results = [await module.invoke('count', []), await module.invoke('count', [])];
    assert.deepEqual(
      results.map(({ value }) => value),
      instanceReuse ? [1, 2] : [1, 1],
    );
    for (const { fuelUsed = 0 } of results) assert.equal(fuelUsed > 0, fuel, 'fuel without a bound is counted');
  },

  'refuses a time limit of a call that is none, where it limits time': where(
    'statefulInstances',
    where('cpuLimit', async ({ host }) => {
      await using module = await loadCore(host);
      await using instance = await module.open();
      for (const called of [module, instance]) {
        for (const timeoutMs of noNumber)
          await rejects(called.invoke('add', [1, 2], { timeoutMs }), 'HS_RUNTIME_INVALID_ARGUMENT');
        for (const timeoutMs of [0, Infinity])
          assert.equal((await called.invoke('add', [1, 2], { timeoutMs })).value, 3, 'none besides that of the module');
      }
    }),
  ),
};
