import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WitType } from '../binding.d.ts';
import { MessageCodec } from '../src/message-codec.ts';
import { MessageScratch } from '../src/message-scratch.ts';

const codecOf = (...params: WitType[]): MessageCodec => {
  const codec = MessageCodec.of({
    name: 'f',
    params: params.map((type) => ({ name: 'p', type })),
    results: params.slice(0, 1),
    async: false,
    synchronous: true,
    unsupported: null,
    needsInstance: false,
    message: 'both',
  });
  if (codec === undefined) expect.unreachable();
  return codec;
};
const bytesOf = (codec: MessageCodec, ...args: unknown[]): readonly number[] | undefined => {
  const scratch = new MessageScratch(4);
  const length = codec.write(scratch, args);
  return length < 0 ? undefined : [...scratch.bytes.subarray(0, length)];
};
const list = (element: WitType): WitType => ({ kind: 'list', element });
const option = (some: WitType): WitType => ({ kind: 'option', some });
const record = (fields: Record<string, WitType>): WitType => ({
  kind: 'record',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});
const [u8, u32, s64, f64, text, char]: WitType[] = (['u8', 'u32', 's64', 'f64', 'string', 'char'] as const).map(
  (kind) => ({ kind }),
) as [WitType, WitType, WitType, WitType, WitType, WitType];
const person = record({ 'full-name': text, age: u8, home: option(record({ x: f64, y: f64 })), tags: list(text) });
const ada = { fullName: 'Ada', age: 36, home: undefined, tags: [] };

describe('MessageCodec', () => {
  it('lays values out back to back, little endian', () => {
    expect(bytesOf(codecOf(record({ a: u8, b: u32 })), { a: 1, b: 0x01020304 })).toEqual([1, 4, 3, 2, 1]);
    expect(bytesOf(codecOf(list(text)), ['é', ''])).toEqual([2, 0, 0, 0, 2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0]);
    expect(bytesOf(codecOf({ kind: 'tuple', items: [s64, { kind: 'bool' }] }), [-2, true])).toEqual([
      254, 255, 255, 255, 255, 255, 255, 255, 1,
    ]);
    expect(bytesOf(codecOf(list(option(u8))), [undefined, 7, null])).toEqual([3, 0, 0, 0, 0, 1, 7, 0]);
    expect(bytesOf(codecOf({ kind: 'flags', flags: ['a', 'b-c'] }, char), { bC: true }, '🦀')).toEqual([
      2, 0, 0, 0, 0x80, 0xf9, 0x01, 0,
    ]);
    const wide: WitType = { kind: 'enum', cases: Array.from({ length: 257 }, (_, at) => `c${at}`) };
    expect(bytesOf(codecOf(list(wide)), ['c256'])).toEqual([1, 0, 0, 0, 0, 1, 0, 0]);
  });

  it('reads what it wrote, whatever room there was at first', () => {
    const people = fc.array(
      fc.record({
        fullName: fc.string({ unit: 'binary' }),
        age: fc.integer({ min: 0, max: 255 }),
        home: fc.option(fc.record({ x: fc.double(), y: fc.double() }), { nil: undefined }),
        tags: fc.array(fc.string({ maxLength: 400 })),
      }),
    );
    const codec = codecOf(list(person));
    fc.assert(
      fc.property(people, fc.integer({ min: 1, max: 300 }), (value, sizeBytes) => {
        const scratch = new MessageScratch(sizeBytes);
        const length = codec.write(scratch, [value]);
        expect(length).toBeGreaterThan(0);
        expect(codec.read(scratch, length)).toEqual(value);
        expect(codec.readBytes(new Uint8Array(scratch.bytes.subarray(0, length)))).toEqual(value);
      }),
    );
  });

  it.each<[string, WitType, unknown]>([
    ['a number out of range', record({ a: u8 }), { a: 256 }],
    ['a text for a number', record({ a: u8 }), { a: '1' }],
    ['a number for a text', list(text), [1]],
    ['a missing field', record({ a: u8 }), {}],
    ['a field of a prototype', record({ a: u8 }), Object.create({ a: 1 }) as object],
    ['a field whose name every object has', record({ constructor: text }), { constructor: 'x' }],
    ['a name as it is in WIT', person, { 'full-name': 'Ada', age: 36, home: undefined, tags: [] }],
    ['a list that is none', list(text), { length: 0 }],
    ['a tuple of another length', { kind: 'tuple', items: [u8, u8] }, [1]],
    ['an unknown case', list({ kind: 'enum', cases: ['a'] }), ['b']],
    ['a lone surrogate', list(char), ['\ud800']],
    ['a fraction', list({ kind: 'tuple', items: [s64] }), [[1.5]]],
    ['a bigint that does not fit', list({ kind: 'tuple', items: [s64] }), [[2n ** 63n]]],
    [
      'a getter that throws',
      record({ a: u8 }),
      {
        get a(): never {
          throw new RangeError('no');
        },
      },
    ],
  ])('gives up at %s, for the other transport to judge', (_, type, value) => {
    expect(bytesOf(codecOf(type), value)).toBeUndefined();
  });

  it('gives up at another number of arguments, and at large lists of numbers', () => {
    expect(bytesOf(codecOf(person))).toBeUndefined();
    expect(bytesOf(codecOf(person), ada, ada)).toBeUndefined();
    const codec = codecOf(list(f64), person);
    expect(bytesOf(codec, new Float64Array(8_192), ada)).toHaveLength(4 + 65_536 + 13);
    expect(bytesOf(codec, new Float64Array(8_193), ada)).toBeUndefined();
  });

  it('gives up while the prototype of all objects has a property of that name', () => {
    const codec = codecOf(record({ polluted: u8 }));
    expect(bytesOf(codec, { polluted: 1 })).toEqual([1]);
    Object.defineProperty(Object.prototype, 'polluted', { value: 2, configurable: true });
    try {
      expect(bytesOf(codec, {})).toBeUndefined();
    } finally {
      delete (Object.prototype as { polluted?: number }).polluted;
    }
  });

  it('is not confused by arguments that make calls while they are read', () => {
    const codec = codecOf(record({ a: u8, b: u32 }));
    const nesting = {
      get a(): number {
        expect(bytesOf(codec, { a: 9, b: 9 })).toEqual([9, 9, 0, 0, 0]);
        return 1;
      },
      b: 2,
    };
    expect(bytesOf(codec, nesting)).toEqual([1, 2, 0, 0, 0]);
  });
});
