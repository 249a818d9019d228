import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromWire, toWire } from '../src/core-values.ts';

describe('values of core modules', () => {
  it('keep their bits', () => {
    fc.assert(fc.property(fc.integer(), (value) => Object.is(fromWire(toWire(value, 'i32', '')), value)));
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (value) => fromWire(toWire(value, 'i64', '')) === value,
      ),
    );
    fc.assert(fc.property(fc.double(), (value) => Object.is(fromWire(toWire(value, 'f64', '')), value)));
    fc.assert(fc.property(fc.float(), (value) => Object.is(fromWire(toWire(value, 'f32', '')), value)));
  });

  it('take the unsigned reading of an integer too', () => {
    expect(fromWire(toWire(4_294_967_295, 'i32', ''))).toBe(-1);
    expect(fromWire(toWire(2n ** 64n - 1n, 'i64', ''))).toBe(-1n);
    expect(fromWire(toWire(5, 'i64', ''))).toBe(5n);
  });

  it.each([
    ['i32', 4_294_967_296],
    ['i32', 0.5],
    ['i32', 1n],
    ['i32', '1'],
    ['i64', 2n ** 64n],
    ['i64', 2 ** 53],
    ['f64', 1n],
    ['f32', undefined],
  ] as const)('refuse as %s: %s', (type, value) => {
    expect(() => toWire(value, type, 'args[0]')).toThrow('args[0]');
  });
});
