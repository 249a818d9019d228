import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestHost, testHost } from './test-host.ts';

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const section = (id: number, body: readonly number[]): number[] => [id, body.length, ...body];

/** A core module whose `sell` counts three `orders`, and sets the gauge `load` to the whole number 2. */
const shop = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [3, 0x60, 3, 0x7f, 0x7f, 0x7e, 0, 0x60, 3, 0x7f, 0x7f, 0x7c, 0, 0x60, 0, 0]),
  ...section(2, [
    2,
    ...[...text('hotswap:module/metrics'), ...text('counter'), 0, 0],
    ...[...text('hotswap:module/metrics'), ...text('gauge'), 0, 1],
  ]),
  ...section(3, [1, 2]),
  ...section(5, [1, 0, 1]),
  ...section(7, [2, ...text('memory'), 2, 0, ...text('sell'), 0, 2]),
  ...section(10, [
    1,
    ...section(
      27,
      [0, 0x41, 0, 0x41, 6, 0x42, 3, 0x10, 0, 0x41, 8, 0x41, 4, 0x44, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x10, 1, 0x0b],
    ).slice(1),
  ]),
  ...section(11, [1, 0, 0x41, 0, 0x0b, ...text('orders  load')]),
]);

describe('business metrics of a module', () => {
  let test: TestHost;
  beforeAll(async () => {
    test = await testHost();
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
  });

  it('are summed over its instances, and gauges are told from counters even where they are whole', async () => {
    await using module = await test.host.load({ bytes: shop });
    expect(module.stats()).toMatchObject({ metrics: {} });
    expect(module.stats()).not.toHaveProperty('gauges');
    for (let call = 0; call < 4; call++) await module.invoke('sell', []);
    expect(module.stats()).toMatchObject({ metrics: { orders: 12, load: 2 }, gauges: ['load'] });
  });

  it('stand beside the processor time of its calls', async () => {
    await using module = await test.example('adder-1.0.0');
    await module.invoke('add', [1, 2]);
    expect(module.stats().cpuMs).toBeGreaterThanOrEqual(0);
  });
});
