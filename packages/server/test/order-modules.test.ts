import { describe, expect, it } from 'vitest';
import type { ModuleDescription } from '@hotswap/core';
import { orderModules } from '../src/trains/order-modules.ts';

const component = (name: string, imports: readonly string[], exports: readonly string[]) => ({
  moduleId: `${name}-v1.0.0`,
  name,
  description: {
    kind: 'component',
    wasiLevel: 'preview2',
    sizeBytes: 1,
    imports: imports.map((id) => ({ name: id, kind: 'interface' })),
    exports: exports.map((id) => ({ name: id, kind: 'interface' })),
    functions: [],
    isCommand: false,
    servesHttp: null,
  } satisfies ModuleDescription as ModuleDescription,
});
const order = (modules: readonly ReturnType<typeof component>[], how: 'interfaces' | 'given' = 'interfaces') =>
  orderModules(modules, how).map(({ module }) => module.name);

const shop = component('shop', ['acme:price/api@1.2.0', 'wasi:io/streams@0.2.0'], ['acme:shop/api@1.0.0']);
const price = component('price', ['acme:tax/rates@0.3.1'], ['acme:price/api@1.4.0']);
const tax = component('tax', [], ['acme:tax/rates@0.3.2']);

describe('the order of a train', () => {
  it('puts whoever exports before those who import, through several', () => {
    expect(order([shop, price, tax])).toEqual(['tax', 'price', 'shop']);
    expect(orderModules([shop, price, tax], 'interfaces').at(-1)?.after).toEqual([
      { moduleId: 'price-v1.0.0', through: 'acme:price/api@1.2.0' },
    ]);
  });

  it('leaves modules that do not need one another as they were given', () => {
    const others = ['c', 'a', 'b'].map((name) => component(name, ['wasi:io/streams@0.2.0'], ['memory']));
    expect(order(others)).toEqual(['c', 'a', 'b']);
    expect(order([others[0] as typeof shop, shop, price])).toEqual(['c', 'price', 'shop']);
  });

  it.each([
    ['acme:tax/rates@0.4.0', false],
    ['acme:tax/rates@0.3.0', false],
    ['acme:tax/rates@0.3.1', true],
    ['acme:tax/rates', true],
    ['acme:tax/other@0.3.1', false],
  ])('takes %s for what price imports: %s', (exported, isTaken) => {
    expect(order([price, component('tax', [], [exported])])).toEqual(isTaken ? ['tax', 'price'] : ['price', 'tax']);
  });

  it('knows functions that core modules import from one another by name', () => {
    const user = component('user', ['lib.twice', 'env.log'], []);
    const lib = component('lib', [], ['twice']);
    expect(order([user, lib])).toEqual(['lib', 'user']);
    expect(order([user, component('env', [], ['print'])])).toEqual(['user', 'env']);
  });

  it('names a circle instead of guessing, and takes the given order when told to', () => {
    const a = component('a', ['x:c/i'], ['x:a/i']);
    const b = component('b', ['x:a/i'], ['x:b/i']);
    const c = component('c', ['x:b/i'], ['x:c/i']);
    const last = component('last', ['x:a/i'], []);
    expect(() => order([last, a, b, c])).toThrow(
      expect.objectContaining({
        code: 'HS_DEPLOYMENT_TRAIN_CYCLE',
        message: expect.stringContaining('a-v1.0.0 -> c-v1.0.0 -> b-v1.0.0 -> a-v1.0.0') as string,
      }),
    );
    expect(order([last, a, b, c], 'given')).toEqual(['last', 'a', 'b', 'c']);
  });
});
