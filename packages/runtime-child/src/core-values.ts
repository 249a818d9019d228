import type { WitValue } from '@hotswap/core';
import type { NumberType, WireValue } from './child-messages.ts';
import { runtimeChildError } from './error-codes.ts';

const numberTypes: ReadonlySet<string> = new Set<NumberType>(['i32', 'i64', 'f32', 'f64']);

const expected: Readonly<Record<NumberType, string>> = {
  i32: 'a 32-bit integer',
  i64: 'a 64-bit integer: a bigint, or a number that is safe',
  f32: 'a number',
  f64: 'a number',
};

const scratch = new DataView(new ArrayBuffer(8));

/** Whether values of that type can cross the border of a child. @internal */
export const isNumberType = (type: string): type is NumberType => numberTypes.has(type);

/** Bytes that a value of that type has. @internal */
export const sizeOfNumber = (type: NumberType): number => (type === 'i32' || type === 'f32' ? 4 : 8);

/**
 * An argument by its bits.
 * @throws HS_RUNTIME_INVALID_ARGUMENT with the path
 * @internal
 */
export function toWire(value: WitValue, type: NumberType, path: string): WireValue {
  const bits = type === 'i32' || type === 'i64' ? integerBits(value, type) : floatBits(value, type);
  if (bits === undefined) throw runtimeChildError('HS_RUNTIME_INVALID_ARGUMENT', { path, expected: expected[type] });
  return [type, bits.toString()];
}

/** A result: numbers, `bigint` for i64. @internal */
export function fromWire([type, text]: WireValue): number | bigint {
  const bits = BigInt(text);
  if (type === 'i32') return Number(BigInt.asIntN(32, bits));
  if (type === 'i64') return BigInt.asIntN(64, bits);
  if (type === 'f32') {
    scratch.setUint32(0, Number(bits));
    return scratch.getFloat32(0);
  }
  scratch.setBigUint64(0, bits);
  return scratch.getFloat64(0);
}

function integerBits(value: WitValue, type: 'i32' | 'i64'): bigint | undefined {
  const width = type === 'i32' ? 32 : 64;
  // Signed and unsigned readings of the same bits are both taken.
  const [least, most] = [-(2n ** BigInt(width - 1)), 2n ** BigInt(width) - 1n];
  const whole =
    typeof value === 'bigint' && type === 'i64'
      ? value
      : typeof value === 'number' && Number.isSafeInteger(value)
        ? BigInt(value)
        : undefined;
  return whole === undefined || whole < least || whole > most ? undefined : BigInt.asUintN(width, whole);
}

function floatBits(value: WitValue, type: 'f32' | 'f64'): bigint | undefined {
  if (typeof value !== 'number') return undefined;
  if (type === 'f32') {
    scratch.setFloat32(0, value);
    return BigInt(scratch.getUint32(0));
  }
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}
