import assert from 'node:assert/strict';
import {
  isHotSwapError,
  type LoadedModule,
  type LoadOptions,
  type NetworkPolicy,
  type RuntimeCapabilities,
  type RuntimeHost,
} from '@hotswap/core';
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

/** Options as a program without types would write them, by the path that is to be named. */
type Misshapen = Readonly<Record<string, unknown>>;

const folder = { hostPath: '/', guestPath: '/data', readOnly: true };
const half = '\ud800';

const misshapenGrants: Misshapen = {
  wasi: { wasi: null },
  'wasi.programName': { wasi: { programName: 1 } },
  'wasi.args': { wasi: { args: 'one' } },
  'wasi.args[1]': { wasi: { args: ['one', 2] } },
  'wasi.args[0]': { wasi: { args: [half] } },
  'wasi.env': { wasi: { env: [] } },
  'wasi.env.NAME': { wasi: { env: { NAME: 1 } } },
  'wasi.dirs': { wasi: { dirs: folder } },
  'wasi.dirs[0]': { wasi: { dirs: [null] } },
  'wasi.dirs[0].readonly': { wasi: { dirs: [{ ...folder, readonly: true }] } },
  'wasi.dirs[1].readOnly': { wasi: { dirs: [folder, { ...folder, readOnly: 'false' }] } },
  'wasi.dirs[0].readOnly': { wasi: { dirs: [{ hostPath: '/', guestPath: '/data' }] } },
  'wasi.dirs[0].hostPath': { wasi: { dirs: [{ ...folder, hostPath: 1 }] } },
  'wasi.dirs[0].guestPath': { wasi: { dirs: [{ ...folder, guestPath: half }] } },
  runtime: { runtime: 'fast' },
  'runtime.simd': { runtime: { simd: 'false' } },
  'runtime.stateful': { runtime: { stateful: 1 } },
  probe: { probe: 'false' },
  imports: { imports: [] },
  'imports[env].log': { imports: { env: { log: 'log' } } },
};

const misshapenNetworks: Misshapen = {
  network: { network: 'a.b' },
  'network.allowedHosts': { network: { allowedHosts: 'a.b' } },
  'network.allowedHosts[1]': { network: { allowedHosts: ['a.b', 1] } },
  'network.allowPrivateAddresses': { network: { ...network, allowPrivateAddresses: 'false' } },
  'network.sockets': { network: { ...network, sockets: null } },
  'network.sockets.tcp': { network: { ...network, sockets: { tcp: '192.0.2.1:1' } } },
  'network.sockets.udp[0]': { network: { ...network, sockets: { tcp: [], udp: [1], nameLookup: false } } },
  'network.sockets.nameLookup': { network: { ...network, sockets: { tcp: [], udp: [], nameLookup: 'false' } } },
  'network.extraRootsPem': { network: { ...network, extraRootsPem: 'PEM' } },
};

async function refusesByPath(host: RuntimeHost, misshapen: Misshapen): Promise<void> {
  for (const [path, wrong] of Object.entries(misshapen))
    await assert.rejects(
      load(host, wrong as LoadOptions),
      (thrown) => isHotSwapError(thrown, 'HS_RUNTIME_INVALID_ARGUMENT') && thrown.details['path'] === path,
      `expected HS_RUNTIME_INVALID_ARGUMENT for ${path}`,
    );
  await using module = await loadCore(host);
  assert.equal((await module.invoke('add', [1, 2])).value, 3);
}

/** What says `undefined` is absent. */
const absent: unknown = {
  wasi: { programName: undefined, args: undefined, env: undefined, dirs: undefined },
  runtime: { reuse: undefined, fuel: undefined, simd: undefined, aotCache: undefined, stateful: undefined },
  network: { ...network, allowPrivateAddresses: undefined, sockets: undefined, extraRootsPem: undefined },
  imports: undefined,
  probe: undefined,
};

const noSockets = { tcp: [], udp: [], nameLookup: false };

/** Policies that open something, by the capability that this needs. */
const openNetworks: readonly (readonly ['outgoingHttp' | 'sockets', NetworkPolicy])[] = [
  ['outgoingHttp', { allowedHosts: ['api.example.org'] }],
  ['sockets', { ...network, sockets: { ...noSockets, tcp: ['192.0.2.10:5432'] } }],
  ['sockets', { ...network, sockets: { ...noSockets, udp: ['192.0.2.10:53'] } }],
  ['sockets', { ...network, sockets: { ...noSockets, nameLookup: true } }],
];

const closedNetworks: readonly NetworkPolicy[] = [
  network,
  { ...network, allowPrivateAddresses: true, extraRootsPem: [], maxConcurrentRequests: 1 },
  { ...network, sockets: noSockets },
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

  async 'refuses grants that are not of their kind, by their path, and lives'({ host }) {
    await refusesByPath(host, misshapenGrants);
  },

  async 'refuses a network policy that is not of its kind, by the path, and lives'({ host }) {
    await refusesByPath(host, misshapenNetworks);
  },

  async 'takes options that are undefined for absent'({ host }) {
    await using module = await load(host, absent as LoadOptions);
    assert.equal((await module.invoke('add', [1, 2])).value, 3);
  },

  async 'opens no network that it does not declare, and takes a policy that opens none'({ host }) {
    for (const [capability, policy] of openNetworks) {
      const loading = load(host, { network: policy });
      if (host.capabilities[capability]) await (await loading)[Symbol.asyncDispose]();
      else
        await assert.rejects(
          loading,
          (thrown) => isHotSwapError(thrown, 'HS_RUNTIME_UNSUPPORTED') && thrown.details['capability'] === capability,
          `expected HS_RUNTIME_UNSUPPORTED naming ${capability}`,
        );
    }
    for (const policy of closedNetworks) await (await load(host, { network: policy }))[Symbol.asyncDispose]();
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
