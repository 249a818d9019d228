import type { Json } from '@hotswap/core';

/**
 * A guest's value as JSON for error details: 64-bit integers as numbers while safe, else as text; bytes as base64; what has
 * no JSON form as text.
 * @internal
 */
export function valueToJson(value: unknown): Json {
  if (value === undefined || value === null) return null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as Iterable<unknown>, valueToJson);
  if (Array.isArray(value)) return value.map(valueToJson);
  if (typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, valueToJson(item)]));
  return `[${typeof value}]`;
}
