import type { FunctionSignature, Json, WitValue } from '@hotswap/core';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { protocolError } from './error-codes.ts';
import { parseWitType, type WitType } from './wit-type.ts';

/**
 * Turns JSON arguments into values for a guest, by the types of the function's signature.
 * @throws HS_AGENT_INVALID_ARGUMENT with the path of what does not fit, e.g. `args[0].points[3].x`.
 * @public
 */
export function toWitValues(signature: FunctionSignature, args: readonly Json[]): WitValue[] {
  const { params } = signature;
  if (args.length !== params.length) {
    const expected = params.map((param) => `${param.name}: ${param.type}`).join(', ');
    throw refuse(
      'args',
      `(${expected})`,
      `it has ${args.length} values where ${signature.name} takes ${params.length}`,
    );
  }
  return params.map((param, i) => toWit(args[i] as Json, parseWitType(param.type), `args[${i}]`));
}

/**
 * Turns what a guest returned into JSON: 64-bit integers are numbers while safe, else decimal texts; bytes are base64;
 * NaN and infinities are texts; a missing option is `null`.
 * @throws HS_AGENT_INVALID_ARGUMENT for resources, which cannot leave their instance.
 * @public
 */
export function witToJson(value: WitValue): Json {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
    case 'bigint':
      return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
        ? Number(value)
        : value.toString();
    default:
      return objectToJson(value);
  }
}

function objectToJson(value: Exclude<WitValue, undefined | boolean | number | bigint | string>): Json {
  if (value === null) return null;
  if (value instanceof Uint8Array) return encodeBase64(value);
  if (ArrayBuffer.isView(value))
    return Array.from(value as Int32Array | BigInt64Array, (item: number | bigint) => witToJson(item));
  if (Array.isArray(value)) return value.map((item: WitValue) => witToJson(item));
  if (typeof (value as { resourceType?: unknown }).resourceType === 'string' && Symbol.dispose in value) {
    throw refuse('result', 'JSON', 'it is a resource, which lives only as long as its instance');
  }
  const out: Record<string, Json> = {};
  for (const [name, member] of Object.entries(value as Record<string, WitValue>)) out[name] = witToJson(member);
  return out;
}

function toWit(json: Json, type: WitType, path: string): WitValue {
  switch (type.kind) {
    case 'bool':
      if (typeof json === 'boolean') return json;
      throw refuse(path, 'bool', found(json));
    case 'string':
      if (typeof json === 'string') return json;
      throw refuse(path, 'string', found(json));
    case 'char':
      if (typeof json === 'string' && [...json].length === 1 && json.isWellFormed()) return json;
      throw refuse(path, 'char', `${found(json)} where one character is needed`);
    case 'bytes':
      return bytes(json, path);
    case 'integer':
      return integer(json, type, path);
    case 'float':
      return float(json, type.bits, path);
    case 'list':
      return list(json, type, path);
    case 'tuple':
      return items(json, type.items.length, 'tuple', path).map((item, i) =>
        toWit(item, type.items[i] as WitType, `${path}[${i}]`),
      );
    case 'option':
      return option(json, type, path);
    case 'result':
      return result(json, type, path);
    case 'record':
      return record(json, type, path);
    case 'variant':
      return variant(json, type, path);
    case 'enum':
      if (typeof json === 'string' && type.names.includes(json)) return json;
      throw refuse(path, 'enum', `${found(json)} where one of ${type.names.join(', ')} is needed`);
    case 'flags':
      return flags(json, type.names, path);
    case 'opaque':
      throw refuse(path, type.text, 'values of this type have no form in JSON');
  }
}

function bytes(json: Json, path: string): Uint8Array {
  if (typeof json === 'string') {
    const decoded = decodeBase64(json);
    if (decoded) return decoded;
    throw refuse(path, 'list<u8>', 'it is not canonical base64');
  }
  if (
    Array.isArray(json) &&
    json.every((item) => Number.isInteger(item) && (item as number) >= 0 && (item as number) < 256)
  )
    return Uint8Array.from(json as number[]);
  throw refuse(path, 'list<u8>', `${found(json)} where base64 is needed`);
}

function integer(json: Json, type: Extract<WitType, { kind: 'integer' }>, path: string): WitValue {
  const name = `${type.core ? 'i' : type.signed ? 's' : 'u'}${type.bits}`;
  let value: bigint;
  if (typeof json === 'number' && Number.isSafeInteger(json)) value = BigInt(json);
  else if (typeof json === 'string' && type.bits === 64 && /^-?\d{1,20}$/.test(json)) value = BigInt(json);
  else
    throw refuse(
      path,
      name,
      type.bits === 64
        ? `${found(json)} where a safe integer or a decimal text is needed`
        : `${found(json)} where an integer is needed`,
    );
  const bits = BigInt(type.bits);
  const low = type.signed ? -(1n << (bits - 1n)) : 0n;
  // Core integers carry no sign of their own: both readings are taken.
  const high = type.signed && !type.core ? 1n << (bits - 1n) : 1n << bits;
  if (value < low || value >= high) throw refuse(path, name, `${value} is out of range`);
  const wrapped = type.core ? BigInt.asIntN(type.bits, value) : value;
  return type.bits === 64 ? wrapped : Number(wrapped);
}

function float(json: Json, bits: 32 | 64, path: string): number {
  if (typeof json === 'number') return json;
  if (json === 'NaN') return NaN;
  if (json === 'Infinity') return Infinity;
  if (json === '-Infinity') return -Infinity;
  throw refuse(path, `f${bits}`, `${found(json)} where a number is needed`);
}

function list(json: Json, type: Extract<WitType, { kind: 'list' }>, path: string): WitValue {
  const values = items(json, type.length, 'list', path).map((item, i) => toWit(item, type.element, `${path}[${i}]`));
  return packed(values, type.element) ?? values;
}

/** Lists of numbers cross the border as typed arrays. */
function packed(values: readonly WitValue[], element: WitType): ArrayBufferView | null {
  if (element.kind === 'float')
    return element.bits === 32 ? Float32Array.from(values as number[]) : Float64Array.from(values as number[]);
  if (element.kind !== 'integer') return null;
  if (element.bits === 64)
    return element.signed ? BigInt64Array.from(values as bigint[]) : BigUint64Array.from(values as bigint[]);
  const numbers = values as number[];
  if (element.bits === 8) return Int8Array.from(numbers);
  if (element.bits === 16) return element.signed ? Int16Array.from(numbers) : Uint16Array.from(numbers);
  return element.signed ? Int32Array.from(numbers) : Uint32Array.from(numbers);
}

function option(json: Json, type: Extract<WitType, { kind: 'option' }>, path: string): WitValue {
  if (type.some.kind !== 'option') return json === null ? undefined : toWit(json, type.some, path);
  if (json === null) return { tag: 'none' };
  const tag = tagged(json, 'option', path);
  return tag.tag === 'none' ? { tag: 'none' } : { tag: 'some', val: toWit(tag.val, type.some, `${path}.val`) };
}

function result(json: Json, type: Extract<WitType, { kind: 'result' }>, path: string): WitValue {
  const { tag, val } = tagged(json, 'result', path);
  if (tag !== 'ok' && tag !== 'err')
    throw refuse(path, 'result', `its tag is ${JSON.stringify(tag)} where ok or err is needed`);
  const inner = tag === 'ok' ? type.ok : type.err;
  return inner ? { tag, val: toWit(val, inner, `${path}.val`) } : { tag };
}

function variant(json: Json, type: Extract<WitType, { kind: 'variant' }>, path: string): WitValue {
  const { tag, val } = typeof json === 'string' ? { tag: json, val: null } : tagged(json, 'variant', path);
  const chosen = type.cases.find((candidate) => candidate.name === tag);
  if (!chosen)
    throw refuse(path, 'variant', `${JSON.stringify(tag)} is none of ${type.cases.map((one) => one.name).join(', ')}`);
  return chosen.type ? { tag, val: toWit(val, chosen.type, `${path}.val`) } : { tag };
}

function record(json: Json, type: Extract<WitType, { kind: 'record' }>, path: string): WitValue {
  const members = object(json, 'record', path);
  const out: Record<string, WitValue> = {};
  const known = new Set<string>();
  for (const field of type.fields) {
    const camel = camelCase(field.name);
    known.add(camel).add(field.name);
    const given = Object.hasOwn(members, camel)
      ? members[camel]
      : Object.hasOwn(members, field.name)
        ? members[field.name]
        : undefined;
    if (given === undefined && field.type.kind !== 'option')
      throw refuse(`${path}.${camel}`, 'record', 'it is missing');
    out[camel] = toWit(given ?? null, field.type, `${path}.${camel}`);
  }
  const unknown = Object.keys(members).find((name) => !known.has(name));
  if (unknown !== undefined) throw refuse(`${path}.${unknown}`, 'record', 'it has no such field');
  return out;
}

function flags(json: Json, names: readonly string[], path: string): WitValue {
  const members = Array.isArray(json) ? namedFlags(json as readonly Json[], path) : object(json, 'flags', path);
  const out: Record<string, boolean> = {};
  for (const name of names) {
    const camel = camelCase(name);
    const value = members[camel] ?? members[name] ?? false;
    if (typeof value !== 'boolean')
      throw refuse(`${path}.${camel}`, 'flags', `${found(value)} where a boolean is needed`);
    out[camel] = value;
  }
  const unknown = Object.keys(members).find((name) => !names.includes(name) && !Object.hasOwn(out, name));
  if (unknown !== undefined) throw refuse(`${path}.${unknown}`, 'flags', 'there is no such flag');
  return out;
}

function namedFlags(names: readonly Json[], path: string): Readonly<Record<string, Json>> {
  const odd = names.find((name) => typeof name !== 'string');
  if (odd !== undefined) throw refuse(path, 'flags', `${found(odd)} where a name is needed`);
  return Object.fromEntries(names.map((name) => [name as string, true]));
}

function items(json: Json, length: number | undefined, type: string, path: string): readonly Json[] {
  if (!Array.isArray(json)) throw refuse(path, type, `${found(json)} where an array is needed`);
  if (length !== undefined && json.length !== length)
    throw refuse(path, type, `it has ${json.length} items where ${length} are needed`);
  return json as readonly Json[];
}

function object(json: Json, type: string, path: string): Readonly<Record<string, Json>> {
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw refuse(path, type, `${found(json)} where an object is needed`);
  return json as Readonly<Record<string, Json>>;
}

function tagged(json: Json, type: string, path: string): { tag: string; val: Json } {
  const members = object(json, type, path);
  const tag = members['tag'];
  if (typeof tag !== 'string') throw refuse(path, type, 'it has no tag');
  return { tag, val: members['val'] ?? null };
}

const camelCase = (name: string): string => name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function found(json: Json): string {
  if (json === null) return 'it is null';
  if (Array.isArray(json)) return 'it is an array';
  if (typeof json === 'object') return 'it is an object';
  return typeof json === 'string' ? `it is the text ${JSON.stringify(json.slice(0, 40))}` : `it is ${String(json)}`;
}

const refuse = (path: string, type: string, why: string): Error =>
  protocolError('HS_AGENT_INVALID_ARGUMENT', { path, type, why });
