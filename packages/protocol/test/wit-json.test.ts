import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FunctionSignature, Json, WitValue } from '@hotswap/core';
import { parseWitType, toWitValues, witToJson } from '@hotswap/protocol';

const taking = (...types: string[]): FunctionSignature => ({
  name: 'f',
  params: types.map((type, i) => ({ name: `p${i}`, type })),
});
const one = (type: string, json: Json): WitValue => toWitValues(taking(type), [json])[0];

describe('toWitValues', () => {
  it.each<[string, Json, WitValue]>([
    ['bool', true, true],
    ['u8', 255, 255],
    ['s8', -128, -128],
    ['u32', 4_294_967_295, 4_294_967_295],
    ['s64', -5, -5n],
    ['u64', '18446744073709551615', 18_446_744_073_709_551_615n],
    ['i32', 4_294_967_295, -1],
    ['i64', '-1', -1n],
    ['i64', '18446744073709551615', -1n],
    ['f64', 1.5, 1.5],
    ['f32', 'Infinity', Infinity],
    ['char', '😀', '😀'],
    ['string', 'x', 'x'],
    ['list<u8>', 'AQID', Uint8Array.of(1, 2, 3)],
    ['list<u8>', [1, 2], Uint8Array.of(1, 2)],
    ['list<s32>', [-1, 2], Int32Array.of(-1, 2)],
    ['list<u64>', [1, '2'], BigUint64Array.of(1n, 2n)],
    ['list<string>', ['a', 'b'], ['a', 'b']],
    ['list<string, 2>', ['a', 'b'], ['a', 'b']],
    ['option<u32>', null, undefined],
    ['option<u32>', 7, 7],
    ['option<option<u32>>', null, { tag: 'none' }],
    ['option<option<u32>>', { tag: 'some', val: null }, { tag: 'some', val: undefined }],
    ['result<u32, string>', { tag: 'ok', val: 1 }, { tag: 'ok', val: 1 }],
    ['result<_, string>', { tag: 'err', val: 'no' }, { tag: 'err', val: 'no' }],
    ['result', { tag: 'ok' }, { tag: 'ok' }],
    ['tuple<u8, string>', [1, 'a'], [1, 'a']],
    ['record { first-name: string, age: option<u8> }', { firstName: 'A' }, { firstName: 'A', age: undefined }],
    ['record { first-name: string }', { 'first-name': 'A' }, { firstName: 'A' }],
    ['record {x:f64,y:f64}', { x: 1, y: 2 }, { x: 1, y: 2 }],
    ['variant { circle(f64), none }', { tag: 'circle', val: 2 }, { tag: 'circle', val: 2 }],
    ['variant { circle(f64), none }', 'none', { tag: 'none' }],
    ['enum { red, dark-green }', 'dark-green', 'dark-green'],
    ['flags { read, write-all }', ['read'], { read: true, writeAll: false }],
    ['flags { read, write-all }', { writeAll: true }, { read: false, writeAll: true }],
  ])('turns %s from %j', (type, json, value) => {
    expect(one(type, json)).toEqual(value);
  });

  it.each<[string, Json, string]>([
    ['u8', 256, 'args[0]'],
    ['u8', 1.5, 'args[0]'],
    ['u8', '1', 'args[0]'],
    ['u64', 2 ** 60, 'args[0]'],
    ['u64', '-1', 'args[0]'],
    ['i32', 4_294_967_296, 'args[0]'],
    ['f64', '1', 'args[0]'],
    ['bool', 1, 'args[0]'],
    ['char', 'ab', 'args[0]'],
    ['char', '\ud800', 'args[0]'],
    ['list<u8>', 'AQI', 'args[0]'],
    ['list<string, 2>', ['a'], 'args[0]'],
    ['list<record { x: u8 }>', [{ x: 1 }, { x: -1 }], 'args[0][1].x'],
    ['record { x: u8 }', {}, 'args[0].x'],
    ['record { x: u8 }', { x: 1, y: 2 }, 'args[0].y'],
    ['record { x: u8 }', null, 'args[0]'],
    ['variant { a(u8) }', { tag: 'b' }, 'args[0]'],
    ['variant { a(u8) }', { tag: 'a', val: 'x' }, 'args[0].val'],
    ['enum { a }', 'b', 'args[0]'],
    ['flags { a }', { b: true }, 'args[0].b'],
    ['tuple<u8, u8>', [1], 'args[0]'],
    ['result<u8>', { tag: 'yes' }, 'args[0]'],
    ['own<file>', 1, 'args[0]'],
    ['v128', 1, 'args[0]'],
  ])('refuses for %s the value %j and names %s', (type, json, path) => {
    expect(() => one(type, json)).toThrow(
      expect.objectContaining({
        code: 'HS_AGENT_INVALID_ARGUMENT',
        details: expect.objectContaining({ path }) as unknown,
      }) as Error,
    );
  });

  it('refuses another number of arguments and shows the signature', () => {
    expect(() => toWitValues(taking('u8', 'string'), [1])).toThrow(/p0: u8, p1: string/);
  });

  it('takes every number back that it gave out', () => {
    const types = ['s64', 'u64', 'f64', 'list<s64>', 'list<u8>', 'string'] as const;
    const arbitraries = {
      s64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      f64: fc.double(),
      'list<s64>': fc
        .array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
        .map((items) => BigInt64Array.from(items)),
      'list<u8>': fc.uint8Array(),
      string: fc.string({ unit: 'grapheme' }),
    };
    for (const type of types) {
      fc.assert(
        fc.property(arbitraries[type] as fc.Arbitrary<WitValue>, (value) => {
          const json = JSON.parse(JSON.stringify(witToJson(value))) as Json;
          const back = one(type, json);
          if (typeof value === 'number') expect(Object.is(back, value) || back === value).toBe(true);
          else expect(back).toEqual(value);
        }),
      );
    }
  });
});

describe('witToJson', () => {
  it('writes what JSON has no word for', () => {
    expect(
      witToJson({
        big: 2n ** 60n,
        small: 5n,
        nan: NaN,
        inf: -Infinity,
        none: undefined,
        bytes: Uint8Array.of(255),
        list: [1, undefined],
      }),
    ).toEqual({
      big: '1152921504606846976',
      small: 5,
      nan: 'NaN',
      inf: '-Infinity',
      none: null,
      bytes: '/w==',
      list: [1, null],
    });
  });

  it('refuses resources', () => {
    expect(() => witToJson({ resourceType: 'file', [Symbol.dispose]: () => undefined })).toThrow(/resource/);
  });
});

describe('parseWitType', () => {
  it.each([
    '',
    'list<',
    'list<u8',
    'record { x }',
    'tuple<u8>>',
    'record { x: }',
    '<u8>',
    `${'list<'.repeat(100)}u8${'>'.repeat(100)}`,
  ])('refuses %j', (text) => {
    expect(() => parseWitType(text)).toThrow(expect.objectContaining({ code: 'HS_AGENT_INVALID_ARGUMENT' }) as Error);
  });

  it('never fails but with its own code', () => {
    fc.assert(
      fc.property(
        fc
          .array(
            fc.constantFrom('list', 'record', 'option', 'u8', '<', '>', '{', '}', '(', ')', ',', ':', 'x', ' ', '%'),
          )
          .map((parts) => parts.join('')),
        (text) => {
          try {
            parseWitType(text);
          } catch (error) {
            expect(error).toMatchObject({ code: 'HS_AGENT_INVALID_ARGUMENT' });
          }
        },
      ),
    );
  });
});
