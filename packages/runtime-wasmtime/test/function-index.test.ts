import { isHotSwapError } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { FunctionIndex } from '../src/function-index.ts';

const indexOf = (...names: string[]) =>
  new FunctionIndex(
    names.map((name) => ({
      name,
      params: [],
      results: [],
      async: false,
      synchronous: true,
      unsupported: null,
      needsInstance: false,
      message: null,
    })),
  );
const codeOf = (resolve: () => unknown) => {
  try {
    resolve();
  } catch (error) {
    return isHotSwapError(error) ? { code: error.code, available: error.details['available'] } : error;
  }
  return undefined;
};

describe('FunctionIndex', () => {
  it('finds a function by what the binary says', () => {
    expect(indexOf('a', 'b').resolve('b')).toMatchObject({ name: 'b', exportIndex: 1 });
  });

  it('takes - and _ as the same', () => {
    expect(indexOf('health-check').resolve('health_check').name).toBe('health-check');
    expect(indexOf('health_check').resolve('health-check').name).toBe('health_check');
  });

  it('prefers the literal name where a core module exports both spellings', () => {
    const index = indexOf('a_b', 'a-b');
    expect([index.resolve('a_b').exportIndex, index.resolve('a-b').exportIndex]).toEqual([0, 1]);
  });

  it('refuses a spelling that neither of two functions has literally', () => {
    expect(codeOf(() => indexOf('a_b-c', 'a-b_c').resolve('a-b-c'))).toEqual({
      code: 'HS_RUNTIME_UNKNOWN_EXPORT',
      available: ['a_b-c', 'a-b_c'],
    });
  });

  it('finds a function of an interface without its version, package or interface', () => {
    const index = indexOf('acme:shop/cart@1.2.0#add-item', 'acme:shop/cart@1.2.0#[method]basket.total');
    for (const name of ['acme:shop/cart@1.2.0#add-item', 'acme:shop/cart#add_item', 'cart#add-item', 'add-item'])
      expect(index.resolve(name).exportIndex).toBe(0);
    expect(index.resolve('[method]basket.total').exportIndex).toBe(1);
  });

  it('refuses a short name that two interfaces have, and names both', () => {
    const index = indexOf('acme:a/x#get', 'acme:a/y#get');
    expect(codeOf(() => index.resolve('get'))).toEqual({
      code: 'HS_RUNTIME_UNKNOWN_EXPORT',
      available: ['acme:a/x#get', 'acme:a/y#get'],
    });
    expect(index.resolve('y#get').exportIndex).toBe(1);
  });

  it('prefers a function of the root over one of an interface', () => {
    expect(indexOf('acme:a/x#get', 'get').resolve('get').exportIndex).toBe(1);
  });

  it('lists what there is when a name is unknown', () => {
    expect(codeOf(() => indexOf('a', 'b').resolve('__proto__'))).toEqual({
      code: 'HS_RUNTIME_UNKNOWN_EXPORT',
      available: ['a', 'b'],
    });
  });
});
