import { defaultModuleRuntime, type DesiredRelease } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { fakeRuntimeError, type FakeModule } from './fake-runtime-host.ts';
import { NodeFixture, desiredModule } from './node-fixture.ts';

describe('state of modules across a swap', () => {
  function stateful(node: NodeFixture, id: string, weight: number, module: FakeModule): DesiredRelease {
    return { ...node.release(id, weight, module), runtime: { ...defaultModuleRuntime, stateful: true } };
  }

  it('moves before the new release takes traffic, once', async () => {
    await using node = await NodeFixture.create();
    const moves: string[] = [];
    const module = (id: string): FakeModule => ({
      handOver: async () => {
        moves.push(`from ${id}, serving ${node.runtime.slots.serving('cart').join()}`);
      },
    });
    const [a, b] = [stateful(node, 'a', 100, module('a')), stateful(node, 'b', 0, module('b'))];
    await node.apply(1, desiredModule('cart', 1, a, b));
    expect(moves).toEqual([]);
    await node.apply(2, desiredModule('cart', 2, { ...a, weight: 90 }, { ...b, weight: 10 }));
    await node.apply(3, desiredModule('cart', 3, { ...a, weight: 50 }, { ...b, weight: 50 }));
    await node.apply(4, desiredModule('cart', 4, { ...a, weight: 0 }, { ...b, weight: 100 }));
    expect(moves).toEqual(['from a, serving a:100']);
  });

  it('stays where it is when the new release refuses it: the old one goes on, the failure is reported', async () => {
    await using node = await NodeFixture.create();
    const a = stateful(node, 'a', 100, {
      handOver: () => Promise.reject(fakeRuntimeError('HS_RUNTIME_STATE_REFUSED')),
    });
    const b = stateful(node, 'b', 100, { handOver: () => Promise.resolve() });
    await node.apply(1, desiredModule('cart', 1, a));
    await node.apply(2, desiredModule('cart', 2, b));
    expect(node.runtime.slots.serving('cart')).toEqual(['a:100']);
    expect(node.reconciler.observe().releases).toMatchObject([
      { releaseId: 'b', state: 'failed', error: { code: 'HS_RUNTIME_STATE_REFUSED' } },
    ]);
  });

  it('comes back from a release that loses the share it had tried', async () => {
    await using node = await NodeFixture.create();
    const moves: string[] = [];
    const module = (id: string): FakeModule => ({
      handOver: async () => {
        moves.push(id);
      },
    });
    const [a, b] = [stateful(node, 'a', 100, module('a')), stateful(node, 'b', 0, module('b'))];
    await node.apply(1, desiredModule('cart', 1, a, b));
    await node.apply(2, desiredModule('cart', 2, { ...a, weight: 90 }, { ...b, weight: 10 }));
    await node.apply(3, desiredModule('cart', 3, a, b));
    await node.apply(4, desiredModule('cart', 4, { ...a, weight: 0 }, { ...b, weight: 100 }));
    expect(moves).toEqual(['a', 'b', 'a']);
  });

  it('does not stand in the way of going back', async () => {
    await using node = await NodeFixture.create();
    const a = stateful(node, 'a', 100, { handOver: () => Promise.resolve() });
    const broken = stateful(node, 'b', 0, {
      handOver: () => Promise.reject(fakeRuntimeError('HS_RUNTIME_STATE_REFUSED')),
    });
    await node.apply(1, desiredModule('cart', 1, a, broken));
    await node.apply(2, desiredModule('cart', 2, { ...a, weight: 0 }, { ...broken, weight: 100 }));
    expect(node.runtime.slots.serving('cart')).toEqual(['b:100']);
    await node.apply(3, desiredModule('cart', 3, a, broken));
    expect(node.runtime.slots.serving('cart')).toEqual(['a:100']);
  });

  it('is left alone by releases that keep none', async () => {
    await using node = await NodeFixture.create();
    let moves = 0;
    const handOver = (): Promise<void> => Promise.resolve(void moves++);
    await node.apply(1, desiredModule('cart', 1, stateful(node, 'a', 100, { handOver })));
    await node.apply(2, desiredModule('cart', 2, node.release('b', 100, { handOver })));
    expect([moves, node.runtime.slots.serving('cart')]).toEqual([0, ['b:100']]);
  });
});
