import assert from 'node:assert/strict';
import type { LoadedModule, SlotAssignment } from '@hotswap/core';
import type { Clauses } from '../define-suite.ts';
import { loadCore, rejects, type RuntimeHostRig, where } from './host-clauses.ts';

const versions = (...all: readonly (readonly [string, LoadedModule, number])[]): SlotAssignment => ({
  versions: new Map(all.map(([id, module, weight]) => [id, { module, weight }])),
});

/** @internal */
export const slotClauses: Clauses<RuntimeHostRig> = {
  async 'a slot serves its version and says which one it was'({ host }) {
    const slots = host.createSlotTable();
    await using one = await loadCore(host);
    slots.set('greeter', versions(['v1', one, 100]));
    const { version, result } = await slots.invoke('greeter', 'add', [1, 2]);
    assert.deepEqual([version, result.value], ['v1', 3]);
  },

  async 'unknown slots and versions are refused by name'({ host }) {
    const slots = host.createSlotTable();
    await using one = await loadCore(host);
    await rejects(slots.invoke('greeter', 'add', [1, 2]), 'HS_RUNTIME_NO_SLOT');
    slots.set('greeter', versions(['v1', one, 100]));
    await rejects(slots.invoke('greeter', 'add', [1, 2], { version: 'v9' }), 'HS_RUNTIME_NO_VERSION');
    slots.remove('greeter');
    await rejects(slots.invoke('greeter', 'add', [1, 2]), 'HS_RUNTIME_NO_SLOT');
  },

  async 'a pinned request gets its version, whatever the weights'({ host }) {
    const slots = host.createSlotTable();
    await using one = await loadCore(host);
    await using two = await loadCore(host);
    slots.set('greeter', versions(['v1', one, 100], ['v2', two, 0]));
    assert.equal((await slots.invoke('greeter', 'add', [1, 2], { version: 'v2' })).version, 'v2');
    for (let n = 0; n < 50; n++) assert.equal((await slots.invoke('greeter', 'add', [1, 2])).version, 'v1');
  },

  async 'weights share the requests'({ host }) {
    const slots = host.createSlotTable();
    await using one = await loadCore(host);
    await using two = await loadCore(host);
    slots.set('greeter', versions(['v1', one, 3], ['v2', two, 1]));
    const served = { v1: 0, v2: 0 };
    for (let n = 0; n < 2_000; n++) served[(await slots.invoke('greeter', 'add', [n, 1])).version as 'v1' | 'v2']++;
    // Five standard deviations of 2,000 draws at 1/4 are 97.
    assert.ok(Math.abs(served.v2 - 500) < 97, `v2 served ${served.v2} of 2,000 at a weight of 1 in 4`);
  },

  async 'a key keeps its version and never flips back as a weight grows'({ host }) {
    const slots = host.createSlotTable();
    await using one = await loadCore(host);
    await using two = await loadCore(host);
    const moved = new Set<string>();
    for (const weight of [0, 10, 25, 50, 100]) {
      slots.set('greeter', versions(['v1', one, 100 - weight], ['v2', two, weight]));
      for (let n = 0; n < 200; n++) {
        const stickyKey = `user-${n}`;
        const first = (await slots.invoke('greeter', 'add', [1, 1], { stickyKey })).version;
        assert.equal((await slots.invoke('greeter', 'add', [1, 1], { stickyKey })).version, first);
        assert.ok(!(moved.has(stickyKey) && first === 'v1'), `${stickyKey} went back to v1 at ${weight}`);
        if (first === 'v2') moved.add(stickyKey);
      }
    }
    assert.equal(moved.size, 200);
  },

  async 'a swap under load fails no request'({ host }) {
    const slots = host.createSlotTable();
    await using one = await loadCore(host);
    await using two = await loadCore(host);
    slots.set('greeter', versions(['v1', one, 1]));
    const calls: Promise<{ readonly version: string }>[] = [];
    for (let n = 0; n < 400; n++) {
      calls.push(slots.invoke('greeter', 'add', [n, 1]));
      if (n % 20 === 0) slots.set('greeter', n % 40 === 0 ? versions(['v2', two, 1]) : versions(['v1', one, 1]));
      if (n % 50 === 0) await calls.at(-1);
    }
    const seen = new Set((await Promise.all(calls)).map(({ version }) => version));
    assert.deepEqual([...seen].sort(), ['v1', 'v2']);
  },

  async 'drain resolves when no request holds the module any more'({ host }) {
    const slots = host.createSlotTable();
    await using one = await loadCore(host);
    await using two = await loadCore(host);
    slots.set('greeter', versions(['v1', one, 1]));
    const calls = Array.from({ length: 10 }, (_, n) => slots.invoke('greeter', 'add', [n, 1]));
    slots.set('greeter', versions(['v2', two, 1]));
    const { cut } = await slots.drain(one, 5_000);
    assert.equal(cut, 0);
    assert.equal(one.stats().inFlight, 0);
    assert.ok((await Promise.all(calls)).every(({ version }) => version === 'v1'));
  },

  'a drain waits as long as it is told, without end too': where('cpuLimit', async ({ host }) => {
    const slots = host.createSlotTable();
    await using module = await loadCore(host);
    for (const deadlineMs of [Infinity, 2 ** 40]) {
      const running = rejects(module.invoke('spin', [], { timeoutMs: 200 }), 'HS_RUNTIME_TIMEOUT');
      const [drained] = await Promise.all([slots.drain(module, deadlineMs), running]);
      assert.deepEqual(drained, { finished: 1, cut: 0 });
    }
    for (const deadlineMs of [Number.NaN, -1])
      await rejects(slots.drain(module, deadlineMs), 'HS_RUNTIME_INVALID_ARGUMENT');
  }),
};
