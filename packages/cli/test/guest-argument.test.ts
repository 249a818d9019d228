import { describe, expect, it } from 'vitest';
import { guestArgument } from '../src/guest-argument.ts';

describe('an argument of a function', () => {
  it.each([
    ['9007199254740993', 'i64', '9007199254740993'],
    ['-9223372036854775808', 's64', '-9223372036854775808'],
    ['0x10', 'i32', 16],
    ['0xffffffffffffffff', 'u64', '18446744073709551615'],
    ['007', 'u8', 7],
    ['1e3', 'i32', 1_000],
    ['nan', 'f64', 'NaN'],
    ['-inf', 'f32', '-Infinity'],
    ['100000000000000000000', 'f64', 1e20],
    ['42', 'string', '42'],
    ['true', 'string', 'true'],
    ['"42"', 'string', '42'],
    ['Ada', 'string', 'Ada'],
    ['7', 'char', '7'],
    ['[1,2]', 'list<u8>', [1, 2]],
    ['x', 'u32', 'x'],
  ])('%s for %s', (text, type, expected) => {
    expect(guestArgument(text, type)).toEqual(expected);
  });
});
