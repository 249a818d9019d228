import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fakeRuntimeError } from './fake-runtime-host.ts';
import { NodeFixture, desiredModule, desiredState } from './node-fixture.ts';

describe('NodeReconciler', () => {
  afterEach(() => void vi.useRealTimers());

  it('loads a release, serves it and reports its generation', async () => {
    await using node = await NodeFixture.create();
    await node.apply(1, desiredModule('greeter', 1, node.release('r1', 100)));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.reconciler.observe()).toEqual({
      generation: 1,
      releases: [{ moduleName: 'greeter', releaseId: 'r1', state: 'ready' }],
    });
  });

  it('keeps a release of weight 0 for pinned requests only', async () => {
    await using node = await NodeFixture.create();
    const r1 = node.release('r1', 100);
    await node.apply(1, desiredModule('greeter', 1, r1));
    await node.apply(2, desiredModule('greeter', 1, r1, node.release('r2', 0)));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.reconciler.module('greeter')?.release('r2')?.releaseId).toBe('r2');
    expect(node.reconciler.module('greeter')?.choose('anyone')?.releaseId).toBe('r1');
  });

  it('changes weights without loading anything again', async () => {
    await using node = await NodeFixture.create();
    const [r1, r2] = [node.release('r1', 100), node.release('r2', 0)];
    await node.apply(1, desiredModule('greeter', 1, r1, r2));
    await node.apply(2, desiredModule('greeter', 1, { ...r1, weight: 75 }, { ...r2, weight: 25 }));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:75', 'r2:25']);
    expect([...node.runtime.loaded].sort()).toEqual([r1.digest, r2.digest].sort());
  });

  it('keeps a dropped release for pinned requests during its grace, then drains and closes it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await using node = await NodeFixture.create({ drainGraceMs: 20 });
    const held = Promise.withResolvers<string>();
    const r1 = node.release('r1', 100, { functions: { slow: () => held.promise } });
    await node.apply(1, desiredModule('greeter', 1, r1));
    const call = node.runtime.slots.invoke('greeter', 'slow', []);
    await node.apply(2, desiredModule('greeter', 1, node.release('r2', 100)));
    vi.advanceTimersByTime(19);
    expect(node.runtime.slots.history.at(-1)).toBe('greeter r1:0 r2:100');
    vi.advanceTimersByTime(1);
    await expect.poll(() => node.runtime.slots.history.at(-1)).toBe('greeter r2:100');
    expect(node.runtime.open.size).toBe(2);
    held.resolve('done');
    expect((await call).result.value).toBe('done');
    await expect.poll(() => node.runtime.open.size).toBe(1);
  });

  it('takes a release back that returns during its grace', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    await using node = await NodeFixture.create({ drainGraceMs: 30 });
    const [r1, r2] = [node.release('r1', 100), node.release('r2', 100)];
    await node.apply(1, desiredModule('greeter', 1, r1));
    await node.apply(2, desiredModule('greeter', 2, r2));
    await node.apply(3, desiredModule('greeter', 3, r1));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    vi.advanceTimersByTime(30);
    await expect.poll(() => node.runtime.open.size).toBe(1);
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.runtime.loaded).toHaveLength(2);
  });

  it('removes the slot of a module that is gone', async () => {
    await using node = await NodeFixture.create();
    await node.apply(1, desiredModule('greeter', 1, node.release('r1', 100)));
    await node.apply(2);
    await expect.poll(() => node.runtime.slots.held.size).toBe(0);
    expect(node.reconciler.module('greeter')).toBeUndefined();
    expect(node.reconciler.observe()).toEqual({ generation: 2, releases: [] });
  });

  it('reports a load that fails with its code and leaves other modules untouched', async () => {
    await using node = await NodeFixture.create();
    const bad = node.release('bad', 0, {
      loadError: fakeRuntimeError('HS_RUNTIME_LINK_FAILED', { imports: 'env.secret' }),
    });
    await node.apply(1, desiredModule('a', 1, bad), desiredModule('b', 1, node.release('r1', 100)));
    expect(node.runtime.slots.serving('b')).toEqual(['r1:100']);
    expect(node.reconciler.observe().generation).toBe(1);
    expect(node.reconciler.observe().releases).toContainEqual({
      moduleName: 'a',
      releaseId: 'bad',
      state: 'failed',
      error: { code: 'HS_RUNTIME_LINK_FAILED', message: 'The import env.secret is missing' },
    });
  });

  it('keeps what serves when nothing that should take traffic can be loaded, also after a restart', async () => {
    await using node = await NodeFixture.create();
    const r1 = node.release('r1', 100);
    await node.apply(1, desiredModule('greeter', 1, r1));
    const failing = { loadError: fakeRuntimeError('HS_RUNTIME_TRAP') };
    await node.apply(2, desiredModule('greeter', 2, node.release('r2', 100, failing)));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.reconciler.observe()).toMatchObject({
      generation: 2,
      releases: [{ releaseId: 'r2', state: 'failed' }],
    });

    await node.reconciler.stop();
    await using again = await NodeFixture.create({ folder: node.folder });
    again.release('r1', 100);
    again.release('r2', 100, failing);
    await again.reconciler.restore();
    expect(again.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(again.reconciler.observe()).toMatchObject({
      generation: 2,
      releases: [{ releaseId: 'r2', state: 'failed' }],
    });
  });

  it('gives the share of a release that failed to the others', async () => {
    await using node = await NodeFixture.create();
    const bad = node.release('r2', 25, { loadError: fakeRuntimeError('HS_RUNTIME_TRAP') });
    await node.apply(1, desiredModule('greeter', 1, node.release('r1', 75), bad));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:75']);
  });

  it('tries a failed release again only when a newer generation asks for it', async () => {
    await using node = await NodeFixture.create();
    const first = desiredModule(
      'greeter',
      1,
      node.release('r1', 100, { loadError: fakeRuntimeError('HS_RUNTIME_TRAP') }),
    );
    await node.apply(1, first);
    node.release('r1', 100);
    await node.apply(1, first);
    expect(node.reconciler.observe().releases[0]?.state).toBe('failed');
    await node.apply(2, first);
    expect(node.reconciler.observe()).toMatchObject({ generation: 2, releases: [{ state: 'ready' }] });
  });

  it('does not go back to what it restores when the server was quicker', async () => {
    const gate = Promise.withResolvers<void>();
    await using node = await NodeFixture.create();
    const r1 = node.release('r1', 100);
    await node.apply(1, desiredModule('greeter', 1, r1));
    const broken = fakeRuntimeError('HS_RUNTIME_INVALID_MODULE');
    await node.apply(2, desiredModule('greeter', 1, node.release('r2', 100, { loadError: broken })));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);

    await using again = await NodeFixture.create({ folder: node.folder });
    again.release('r1', 100, { loading: gate.promise });
    again.release('r2', 100, { loadError: broken });
    const restored = again.reconciler.restore();
    await expect.poll(() => again.runtime.loadsRunning).toBe(1);
    again.reconciler.offer(desiredState(3, desiredModule('greeter', 2, again.release('r3', 100))));
    await again.reconciler.idle();
    expect(again.runtime.slots.serving('greeter')).toEqual(['r3:100']);
    gate.resolve();
    await restored;
    await again.reconciler.idle();
    expect(again.reconciler.acceptedGeneration).toBe(3);
    expect(again.reconciler.observe()).toMatchObject({
      generation: 3,
      releases: [{ releaseId: 'r3', state: 'ready' }],
    });
    expect(again.runtime.slots.serving('greeter')).toEqual(['r3:100']);
    expect(again.runtime.slots.history.filter((line) => line.includes('r2'))).toEqual([]);
  });

  it('lets the newest state win while an older one is still loading', async () => {
    await using node = await NodeFixture.create();
    const never = Promise.withResolvers<undefined>();
    const r1 = node.release('r1', 100);
    await node.apply(1, desiredModule('greeter', 1, r1));
    node.reconciler.offer(
      desiredState(2, desiredModule('greeter', 2, r1, node.release('stuck', 0, { loading: never.promise }))),
    );
    await expect.poll(() => node.runtime.loadsRunning).toBe(1);
    await node.apply(3, desiredModule('greeter', 3, node.release('r3', 100)));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r3:100']);
    expect(node.reconciler.observe().generation).toBe(3);
    never.resolve(undefined);
  });

  it('does not let one module that loads slowly hold back another', async () => {
    await using node = await NodeFixture.create();
    const slow = Promise.withResolvers<undefined>();
    node.reconciler.offer(
      desiredState(
        1,
        desiredModule('slow', 1, node.release('s1', 100, { loading: slow.promise })),
        desiredModule('quick', 1, node.release('q1', 100)),
      ),
    );
    await expect.poll(() => node.runtime.slots.serving('quick')).toEqual(['q1:100']);
    expect(node.reconciler.observe().generation).toBe(0);
    slow.resolve(undefined);
    await node.reconciler.idle();
    expect(node.reconciler.observe().generation).toBe(1);
  });

  it('loads at most as many releases at once as it is told', async () => {
    await using node = await NodeFixture.create({ concurrency: 2 });
    const gate = Promise.withResolvers<undefined>();
    const modules = Array.from({ length: 8 }, (_, i) =>
      desiredModule(`m${i}`, 1, node.release(`r${i}`, 100, { loading: gate.promise })),
    );
    node.reconciler.offer(desiredState(1, ...modules));
    await expect.poll(() => node.runtime.loadsRunning).toBe(2);
    gate.resolve(undefined);
    await node.reconciler.idle();
    expect(node.runtime.loaded).toHaveLength(8);
    expect(node.runtime.mostLoadsRunning).toBe(2);
  });

  it('refuses a lower generation and tells of it', async () => {
    await using node = await NodeFixture.create();
    await node.apply(5, desiredModule('greeter', 1, node.release('r1', 100)));
    expect(node.reconciler.offer(desiredState(4))).toBe('refused');
    await node.reconciler.idle();
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.events.topics()).toContain('agent.desired-refused');
  });

  it('refuses a state for another node', async () => {
    await using node = await NodeFixture.create();
    expect(node.reconciler.offer({ ...desiredState(9), nodeId: 'edge-2' })).toBe('refused');
  });

  it('refuses a module whose epoch is lower than the applied one, applies the rest, and remembers across removal', async () => {
    await using node = await NodeFixture.create();
    const [r1, other] = [node.release('r1', 100), node.release('o1', 100)];
    await node.apply(1, desiredModule('greeter', 7, r1));
    await node.apply(2, desiredModule('greeter', 6, node.release('r2', 100)), desiredModule('other', 1, other));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.runtime.slots.serving('other')).toEqual(['o1:100']);
    expect(node.reconciler.observe().releases).toContainEqual(
      expect.objectContaining({
        releaseId: 'r2',
        state: 'failed',
        error: expect.objectContaining({ code: 'HS_AGENT_STALE_EPOCH' }) as unknown,
      }),
    );
    expect(node.reconciler.observe().epochs).toEqual({ greeter: 7 });
    await node.apply(3);
    expect(node.reconciler.observe().epochs).toBeUndefined();
    await node.apply(4, desiredModule('greeter', 6, r1));
    expect(node.runtime.slots.serving('greeter')).toEqual([]);
    await node.apply(5, desiredModule('greeter', 7, r1));
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.reconciler.observe().epochs).toBeUndefined();
  });

  it('serves its last applied generation from disk without asking the origin for anything', async () => {
    await using node = await NodeFixture.create();
    await node.apply(3, desiredModule('greeter', 2, node.release('r1', 75), node.release('r2', 25)));
    await node.reconciler.stop();
    await using again = await NodeFixture.create({ folder: node.folder });
    again.release('r1', 0);
    again.release('r2', 0);
    await again.reconciler.restore();
    expect(again.runtime.slots.serving('greeter')).toEqual(['r1:75', 'r2:25']);
    expect(again.reconciler.observe().generation).toBe(3);
    expect(again.pulls).toEqual([]);
    expect(again.reconciler.offer(desiredState(2))).toBe('refused');
  });

  it('reports no generation that the slots did not take, tells why, and goes on with the next', async () => {
    await using node = await NodeFixture.create();
    const set = node.runtime.slots.set.bind(node.runtime.slots);
    node.runtime.slots.set = () => {
      throw fakeRuntimeError('HS_RUNTIME_CLOSED');
    };
    const r1 = desiredModule('greeter', 1, node.release('r1', 100));
    await node.apply(1, r1);
    expect(node.reconciler.observe().generation).toBe(0);
    expect(node.events.topics()).toEqual(['agent.reconcile-not-done']);
    node.runtime.slots.set = set;
    await node.apply(2, r1);
    expect(node.runtime.slots.serving('greeter')).toEqual(['r1:100']);
    expect(node.reconciler.observe().generation).toBe(2);
  });

  it('takes no more modules than it may', async () => {
    await using node = await NodeFixture.create({ maxModules: 1 });
    await node.apply(1, desiredModule('a', 1, node.release('r1', 100)), desiredModule('b', 1, node.release('r2', 100)));
    expect(node.reconciler.observe().releases.find(({ moduleName }) => moduleName === 'b')?.error?.code).toBe(
      'HS_AGENT_TOO_MANY_MODULES',
    );
    expect(node.runtime.slots.serving('a')).toEqual(['r1:100']);
  });

  it('probes a release as long as desired state says so, under its round', async () => {
    await using node = await NodeFixture.create();
    const r1 = node.release('r1', 100, { functions: { 'health-check': () => 'OK' } });
    const check = {
      enabled: true,
      functionName: 'health_check',
      timeout: 'PT1S',
      interval: 'PT1S',
      expected: 'OK',
      successThreshold: 1,
      failureThreshold: 3,
    };
    await node.apply(1, desiredModule('greeter', 1, { ...r1, probe: { round: 'd1:3', check } }));
    await expect
      .poll(() => node.reconciler.observe().releases[0]?.health)
      .toMatchObject({ round: 'd1:3', state: 'healthy' });
    await node.apply(2, desiredModule('greeter', 1, r1));
    expect(node.reconciler.observe().releases[0]?.health).toBeUndefined();
  });

  it('never lets the applied generation or an epoch fall, whatever comes in whatever order', async () => {
    const state = fc.record({
      generation: fc.nat({ max: 12 }),
      epochs: fc.array(fc.nat({ max: 5 }), { minLength: 0, maxLength: 3 }),
      restart: fc.boolean(),
      wait: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 12 }), async (states) => {
        let node = await NodeFixture.create();
        const folder = node.folder;
        let generation = 0;
        const epochs = new Map<string, number>();
        for (const { generation: offered, epochs: wanted, restart, wait } of states) {
          const modules = wanted.map((epoch, i) => desiredModule(`m${i}`, epoch, node.release(`m${i}-e${epoch}`, 100)));
          node.reconciler.offer(desiredState(offered, ...modules));
          if (wait || restart) await node.reconciler.idle();
          if (restart) {
            await node.reconciler.stop();
            node = await NodeFixture.create({ folder });
            for (let i = 0; i < 3; i++) for (let epoch = 0; epoch <= 5; epoch++) node.release(`m${i}-e${epoch}`, 100);
            await node.reconciler.restore();
          }
          const observed = node.reconciler.observe().generation;
          expect(observed).toBeGreaterThanOrEqual(generation);
          generation = observed;
          for (const [name, { versions }] of node.runtime.slots.held) {
            const serving = [...versions].find(([, { weight }]) => weight > 0)?.[0];
            if (serving === undefined) continue;
            const epoch = Number(serving.split('-e')[1]);
            expect(epoch).toBeGreaterThanOrEqual(epochs.get(name) ?? 0);
            epochs.set(name, epoch);
          }
        }
        await node[Symbol.asyncDispose]();
      }),
      { numRuns: 40 },
    );
  });
});
