import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transpiledComponent } from './transpiled-component.ts';
import type { TranspiledComponent } from './transpiled-component.ts';
import type { GuestFunction } from './v8-wasm.ts';

interface CounterHandle {
  increment(by: number): number;
  value(): number;
}

interface CounterClass {
  new (start: number): CounterHandle;
  parse(text: string): CounterHandle;
}

beforeAll(async () => {
  await buildExampleModules();
});

describe.each(['typed', 'typed-rust'])('%s', (name) => {
  let component: TranspiledComponent;
  let echo: Record<string, GuestFunction>;

  beforeAll(async () => {
    component = await transpiledComponent(exampleModule(name).path);
    echo = component.exports['hotswap:typed/echo@1.0.0'] as Record<string, GuestFunction>;
  });
  afterAll(async () => component[Symbol.asyncDispose]());

  it.each<[string, unknown]>([
    ['echoBool', true],
    ['echoU8', 255],
    ['echoU16', 65_535],
    ['echoU32', 4_294_967_295],
    ['echoU64', 2n ** 53n],
    ['echoS8', -128],
    ['echoS16', -32_768],
    ['echoS32', -2_147_483_648],
    ['echoS64', -(2n ** 53n)],
    ['echoF32', 0.5],
    ['echoF64', Number.NaN],
    ['echoChar', '🦀'],
    ['echoString', 'a\0b "é" 日本 🦀'],
    ['echoListU8', Uint8Array.of(0, 127, 255)],
    ['echoListU32', Uint32Array.of(0, 4_294_967_295)],
    ['echoListU64', BigUint64Array.of(0n, 2n ** 53n)],
    ['echoListF32', Float32Array.of(0.5, -0)],
    ['echoListF64', Float64Array.of(Math.PI, Number.NEGATIVE_INFINITY)],
    ['echoListBool', [true, false]],
    ['echoListString', ['', 'x']],
    ['echoListRecord', [{ x: 1, y: -1 }]],
    ['echoRecord', { fullName: 'Ada Lovelace', age: 36, nickNames: ['Ada'], home: { x: 51.5, y: -0.1 } }],
    ['echoTuple', [1, 'two', 3.5]],
    ['echoVariant', { tag: 'polygon', val: [{ x: 0, y: 1 }] }],
    ['echoVariant', { tag: 'nothing' }],
    ['echoEnum', 'deep-blue'],
    ['echoFlags', { read: true, write: false, executeAll: true }],
    ['echoManyFlags', Object.fromEntries(Array.from({ length: 32 }, (_, bit) => [`b${bit}`, bit % 3 === 0]))],
    ['echoOption', undefined],
    ['echoOption', 'some'],
    ['echoOptionOption', { tag: 'some', val: 7 }],
    ['echoOptionOption', { tag: 'none' }],
    [
      'echoNested',
      {
        id: 7n,
        shapes: [
          { tag: 'rectangle', val: [1, 2] },
          { tag: 'label', val: 'x' },
        ],
        grid: [Int32Array.of(1, -1), Int32Array.of()],
        choice: { tag: 'ok', val: 'green' },
        pairs: [['p', { read: false, write: true, executeAll: false }]],
      },
    ],
    [
      'echoResults',
      [
        { tag: 'ok', val: 1 },
        { tag: 'err', val: 'no' },
      ],
    ],
  ])('answers what %s was given (row %#)', (functionName, value) => {
    expect(echo[functionName]?.(value)).toEqual(value);
  });

  it('throws the error side of a result and answers the other', () => {
    expect(echo['divide']?.(7, -2)).toEqual([-3, 1]);
    expect(() => echo['divide']?.(1, 0)).toThrow(expect.objectContaining({ payload: 'divide-by-zero' }));
    expect(() => echo['check']?.(false)).toThrow();
    expect(echo['check']?.(true)).toBeUndefined();
    expect(echo['echoResult']?.({ tag: 'ok', val: 'fine' })).toBe('fine');
  });

  it('takes many parameters of many types', () => {
    const parameters = [1, -2, 0.5, 'd', Uint8Array.of(1, 2), undefined, 'red'];
    expect(echo['manyParameters']?.(...parameters)).toBe('1|-2|0.5|d|1.2|none|red');
  });

  it('keeps a resource between calls and lends it', () => {
    const Counter = echo['Counter'] as unknown as CounterClass;
    const counter = new Counter(40);
    expect(counter.increment(2)).toBe(42);
    expect(echo['readCounter']?.(counter)).toBe(42);
    expect(counter.value()).toBe(42);
    expect(Counter.parse('7').value()).toBe(7);
    expect(() => Counter.parse('x')).toThrow(expect.objectContaining({ payload: 'not a count: x' }));
  });
});

describe('typed-rust', () => {
  it('keeps every bit of 64-bit integers, and takes a resource away', async () => {
    await using component = await transpiledComponent(exampleModule('typed-rust').path);
    const echo = component.exports['hotswap:typed/echo@1.0.0'] as Record<string, GuestFunction>;
    const ownership = component.exports['hotswap:typed/ownership@1.0.0'] as Record<string, GuestFunction>;
    expect(echo['echoU64']?.(2n ** 64n - 1n)).toBe(2n ** 64n - 1n);
    expect(echo['echoS64']?.(-(2n ** 63n))).toBe(-(2n ** 63n));
    const counter = new (echo['Counter'] as unknown as CounterClass)(42);
    expect(ownership['consumeCounter']?.(counter)).toBe(42);
    expect(() => counter.value()).toThrow();
  });
});
