import type { LoadedModule } from '@hotswap/core';
import { buildExampleModules } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, failureOf, testHost } from './test-host.ts';

describe('stateful modules', () => {
  let test: TestHost;
  beforeAll(async () => {
    await buildExampleModules();
    test = await testHost();
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  const tally = (version: string, stateful = true): Promise<LoadedModule> =>
    test.example(`tally-${version}`, { runtime: { stateful } });
  const add = async (module: LoadedModule, number: number): Promise<unknown> =>
    (await module.invoke('add', [number])).value;

  it('keep one instance, which calls enter one after another', async () => {
    await using module = await tally('1.0.0');
    const sums = await Promise.all(Array.from({ length: 100 }, () => add(module, 1)));
    expect(sums).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    await using fresh = await tally('1.0.0', false);
    expect([await add(fresh, 1), await add(fresh, 1)]).toEqual([1, 1]);
  });

  it('hand their state over to the next version, and back', async () => {
    await using one = await tally('1.0.0');
    await using two = await tally('1.1.0');
    await add(one, 40);
    await one.handOver?.(two);
    expect(await add(two, 2)).toBe(42);
    expect((await two.invoke('count', [])).value).toBe(1);
    expect(await add(one, 1)).toBe(43);
    const refused = await failureOf(Promise.resolve(two.handOver?.(one)));
    expect(refused).toMatchObject({ code: 'HS_RUNTIME_STATE_REFUSED', details: { stage: 'load' } });
    expect(refused.message).toContain('format 2');
    expect(await add(two, 1)).toBe(44);
  });

  it('go on with their state where the next version refuses it', async () => {
    await using one = await tally('1.0.0');
    await using bad = await tally('2.0.0');
    await using plain = await tally('1.1.0', false);
    await using without = await test.example('adder-1.0.0', { runtime: { stateful: true } });
    await add(one, 40);
    for (const [to, stage] of [
      [bad, 'load'],
      [plain, 'check'],
      [without, 'check'],
      [one, 'check'],
    ] as const)
      expect(await failureOf(Promise.resolve(one.handOver?.(to)))).toMatchObject({
        code: 'HS_RUNTIME_STATE_REFUSED',
        details: { stage },
      });
    expect(await add(one, 2)).toBe(42);
  });

  it('keep a state that is larger than may be handed over', async () => {
    await using one = await test.example('tally-1.0.0', { runtime: { stateful: true }, maxStateBytes: 1 });
    await using two = await tally('1.1.0');
    await add(one, 40);
    expect(await failureOf(Promise.resolve(one.handOver?.(two)))).toMatchObject({
      code: 'HS_RUNTIME_STATE_REFUSED',
      details: { stage: 'size', limitBytes: 1 },
    });
    expect(await add(one, 2)).toBe(42);
  });

  it('lose no call to a swap through a slot', async () => {
    await using one = await tally('1.0.0');
    await using two = await tally('1.1.0');
    const slots = test.host.createSlotTable();
    slots.set('tally', { versions: new Map([['one', { module: one, weight: 1 }]]) });
    const sums: number[] = [];
    let swapped = false;
    const caller = async (): Promise<void> => {
      for (let calls = 0; calls < 100 || !swapped; calls += 1)
        sums.push((await slots.invoke('tally', 'add', [1])).result.value as number);
    };
    const callers = [caller(), caller(), caller()];
    await one.handOver?.(two);
    slots.set('tally', { versions: new Map([['two', { module: two, weight: 1 }]]) });
    swapped = true;
    await Promise.all(callers);
    expect(sums.toSorted((a, b) => a - b)).toEqual(Array.from(sums, (_, index) => index + 1));
  });

  it('are not called on the calling thread', async () => {
    await using module = await test.example('adder-1.0.0', { runtime: { stateful: true } });
    expect(() => module.invokeSync?.('add', [1, 2])).toThrow(
      expect.objectContaining({ code: 'HS_RUNTIME_NOT_SYNCHRONOUS' }),
    );
  });
});
