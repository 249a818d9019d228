/**
 * Answers every kind of WIT value as it came in, in QuickJS. Its numbers are doubles: u64 and s64 are exact to 2^53
 * in size only, and a value that never was a number (a NaN's payload) is not kept. `typed-rust` has neither limit.
 */

interface Result<T, E> {
  readonly tag: 'ok' | 'err';
  readonly val?: T | E;
}

const same = <T>(value: T): T => value;

/** The guest's resource: plain properties, since the engine makes instances that private fields cannot attach to. */
class Counter {
  current: number;

  constructor(start: number) {
    this.current = start;
  }

  increment(by: number): number {
    this.current = (this.current + by) >>> 0;
    return this.current;
  }

  value(): number {
    return this.current;
  }

  static parse(text: string): Counter {
    if (!/^\d{1,9}$/.test(text)) throw `not a count: ${text}`;
    return new Counter(Number(text));
  }
}

/** A thrown value becomes the error side of a function's result. */
function unwrap<T, E>(result: Result<T, E>): T {
  if (result.tag === 'err') throw result.val;
  return result.val as T;
}

function divide(dividend: number, divisor: number): [number, number] {
  if (divisor === 0) throw 'divide-by-zero';
  if (dividend === -2147483648 && divisor === -1) throw 'overflow';
  return [Math.trunc(dividend / divisor), dividend % divisor];
}

function manyParameters(
  a: number,
  b: number,
  c: number,
  d: string,
  e: ArrayLike<number>,
  f: number | null | undefined,
  g: string,
): string {
  return [a, b, c, d, Array.from(e).join('.'), f ?? 'none', g].join('|');
}

export const echo = {
  echoBool: same<boolean>,
  echoU8: same<number>,
  echoU16: same<number>,
  echoU32: same<number>,
  echoU64: same<number>,
  echoS8: same<number>,
  echoS16: same<number>,
  echoS32: same<number>,
  echoS64: same<number>,
  echoF32: same<number>,
  echoF64: same<number>,
  echoChar: same<string>,
  echoString: same<string>,
  echoListU8: same<Uint8Array>,
  echoListU32: same<number[]>,
  echoListU64: same<number[]>,
  echoListF32: same<number[]>,
  echoListF64: same<number[]>,
  echoListBool: same<boolean[]>,
  echoListString: same<string[]>,
  echoListRecord: same<unknown[]>,
  echoRecord: same<unknown>,
  echoTuple: same<unknown>,
  echoVariant: same<unknown>,
  echoEnum: same<string>,
  echoFlags: same<unknown>,
  echoManyFlags: same<unknown>,
  echoOption: same<string | null>,
  echoOptionOption: same<unknown>,
  echoNested: same<unknown>,
  echoResults: same<unknown[]>,
  echoResult: unwrap<string, number>,
  divide,
  check: (ok: boolean): void => {
    if (!ok) throw undefined;
  },
  nothing: (): void => undefined,
  manyParameters,
  Counter,
  readCounter: (counter: Counter): number => counter.value(),
};

export function healthCheck(): string {
  return 'OK';
}
