import assert from 'node:assert/strict';
import { isHotSwapError, type LoadedModule, type RuntimeHost } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import { bytesOf, coreModule, emptyComponent, pagesModule, simdModule } from './contract-modules.ts';
import { loadCore, rejects, type RuntimeHostRig, where } from './host-clauses.ts';

const count = async (module: LoadedModule): Promise<unknown> => (await module.invoke('count', [])).value;
const reuse = { maxInstances: 1, maxCalls: 3, maxIdleTime: 'PT1M' } as const;
const loadReused = (host: RuntimeHost): Promise<LoadedModule> =>
  host.load({ bytes: bytesOf(coreModule) }, { runtime: { reuse } });

/** What a host declares, it does; what it does not declare, it refuses before anything runs. @internal */
export const capabilityClauses: Clauses<RuntimeHostRig> = {
  async 'runs components exactly when it says so'({ host }) {
    if (host.capabilities.components) {
      await using module = await host.load({ bytes: bytesOf(emptyComponent) });
      assert.equal(module.description.kind, 'component');
    } else await rejects(host.load({ bytes: bytesOf(emptyComponent) }), 'HS_RUNTIME_UNSUPPORTED');
  },

  async 'counts fuel and ends a call that used it up, or refuses to count it'({ host }) {
    const load = host.load({ bytes: bytesOf(coreModule) }, { runtime: { fuel: 10_000 } });
    if (!host.capabilities.fuel) return await rejects(load, 'HS_RUNTIME_UNSUPPORTED');
    await using module = await load;
    const { fuelUsed = 0 } = await module.invoke('add', [1, 2]);
    assert.ok(fuelUsed > 0 && fuelUsed < 100, `adding used ${fuelUsed}`);
    assert.equal((await module.invoke('add', [3, 4])).fuelUsed, fuelUsed);
    await rejects(module.invoke('spin', []), 'HS_RUNTIME_FUEL_EXHAUSTED');
    assert.equal((await module.invoke('add', [1, 2])).value, 3);
    assert.ok(module.stats().fuelUsed >= 2 * fuelUsed);
  },

  'takes no call on an open instance that has used up its fuel': where(
    'fuel',
    where('statefulInstances', async ({ host }) => {
      await using module = await host.load({ bytes: bytesOf(coreModule) }, { runtime: { fuel: 10_000 } });
      await using instance = await module.open();
      await rejects(instance.invoke('spin', []), 'HS_RUNTIME_FUEL_EXHAUSTED');
      // It was left in the middle of something.
      await rejects(instance.invoke('count', []), 'HS_RUNTIME_STALE_HANDLE');
    }),
  ),

  async 'does not speak of fuel where none was asked for'({ host }) {
    await using module = await loadCore(host);
    assert.equal((await module.invoke('add', [1, 2])).fuelUsed, undefined);
    assert.equal(module.stats().fuelUsed, 0);
  },

  'uses an instance again as often as it is told, where it keeps instances': where(
    'instanceReuse',
    async ({ host }) => {
      await using module = await loadReused(host);
      assert.deepEqual(
        [await count(module), await count(module), await count(module), await count(module)],
        [1, 2, 3, 1],
      );
    },
  ),

  'gives a program its memory while an instance is kept': where('instanceReuse', async ({ host }) => {
    const limits = { maxMemoryMB: 1 };
    await using module = await host.load({ bytes: bytesOf(pagesModule) }, { limits, runtime: { reuse } });
    for (let n = 0; n < 3; n++) {
      await module.invoke('touch', []);
      assert.equal((await module.run()).exitCode, 0);
    }
    assert.equal(module.stats().memoryRefusals, 0);
  }),

  'never uses an instance again that trapped': where('instanceReuse', async ({ host }) => {
    await using module = await loadReused(host);
    assert.equal(await count(module), 1);
    await rejects(module.invoke('divide', [1, 0]), 'HS_RUNTIME_TRAP');
    assert.equal(await count(module), 1);
  }),

  'refuses SIMD where a module must not use it': where('simd', async ({ host }) => {
    await using allowed = await host.load({ bytes: bytesOf(simdModule) });
    assert.equal((await allowed.invoke('lane', [])).value, 3);
    await assert.rejects(
      host.load({ bytes: bytesOf(simdModule) }, { runtime: { simd: false } }),
      (thrown) =>
        isHotSwapError(thrown, 'HS_RUNTIME_UNSUPPORTED') || isHotSwapError(thrown, 'HS_RUNTIME_INVALID_MODULE'),
    );
  }),

  async 'refuses functions of the host, where it cannot call them'({ host }) {
    const imports = { nobody: { offers_this: () => undefined } };
    const load = host.load({ bytes: bytesOf(coreModule) }, { imports });
    if (!host.capabilities.hostFunctions) return await rejects(load, 'HS_RUNTIME_UNSUPPORTED');
    await (await load)[Symbol.asyncDispose]();
  },

  async 'serves HTTP exactly when it says so'({ host }) {
    assert.equal(host.createHttpPlane !== undefined, host.capabilities.http);
  },
};
