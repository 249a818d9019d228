import type { WitValue } from '@hotswap/core';
import type { SpecValue } from './spec-script.ts';

const bytesOfLane = { i8: 1, i16: 2, i32: 4, i64: 8, f32: 4, f64: 8 } as const;
const canonicalNan = { 4: 0x7fc0_0000n, 8: 0x7ff8_0000_0000_0000n } as const;
const magnitude = { 4: 0x7fff_ffffn, 8: 0x7fff_ffff_ffff_ffffn } as const;

const bitsOf = (text: string, sizeBytes: number): bigint => BigInt.asUintN(sizeBytes * 8, BigInt(text));

function floatOf(text: string, sizeBytes: 4 | 8): number {
  if (text.startsWith('nan:')) return NaN;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(text) << BigInt(64 - sizeBytes * 8));
  return sizeBytes === 4 ? view.getFloat32(0) : view.getFloat64(0);
}

function lanesOf(value: SpecValue): { readonly lanes: readonly string[]; readonly sizeBytes: number } {
  return { lanes: value.value as readonly string[], sizeBytes: bytesOfLane[value.lane_type ?? 'i8'] };
}

function vectorOf(value: SpecValue): Uint8Array {
  const { lanes, sizeBytes } = lanesOf(value);
  const bytes = new Uint8Array(16);
  for (const [lane, text] of lanes.entries()) {
    const bits = bitsOf(text, sizeBytes);
    for (let at = 0; at < sizeBytes; at++) bytes[lane * sizeBytes + at] = Number((bits >> BigInt(at * 8)) & 0xffn);
  }
  return bytes;
}

/** Types that calls pass. All others are references, which stay within a guest. */
const numeric = new Set(['i32', 'i64', 'f32', 'f64', 'v128', 'either']);

export const isReference = ({ type }: SpecValue): boolean => !numeric.has(type);

/** What a script's argument is in JavaScript. */
export function argumentOf(value: SpecValue): WitValue {
  const text = value.value as string;
  switch (value.type) {
    case 'i32':
      return Number(text);
    case 'i64':
      return BigInt(text);
    case 'f32':
      return floatOf(text, 4);
    case 'f64':
      return floatOf(text, 8);
    default:
      return vectorOf(value);
  }
}

/** Vectors come as bytes, so that payloads of NaN can be told. */
function isVector(expected: SpecValue, actual: WitValue): boolean {
  if (!(actual instanceof Uint8Array) || actual.length !== 16) return false;
  const { lanes, sizeBytes } = lanesOf(expected);
  return lanes.every((text, lane) => {
    const bytes = actual.subarray(lane * sizeBytes, (lane + 1) * sizeBytes);
    const bits = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if (!text.startsWith('nan:')) return bits === bitsOf(text, sizeBytes);
    const [pattern, whole] = [canonicalNan[sizeBytes as 4 | 8], bits & magnitude[sizeBytes as 4 | 8]];
    return text === 'nan:canonical' ? whole === pattern : (whole & pattern) === pattern;
  });
}

/** Whether a result is as the script expects it. A NaN that is a JavaScript number has no payload to compare. */
export function isExpected(expected: SpecValue, actual: WitValue): boolean {
  const text = expected.value as string;
  switch (expected.type) {
    case 'i32':
      return actual === Number(text);
    case 'i64':
      return actual === BigInt(text);
    case 'f32':
      return Object.is(actual, floatOf(text, 4));
    case 'f64':
      return Object.is(actual, floatOf(text, 8));
    case 'v128':
      return isVector(expected, actual);
    case 'either':
      return (expected.values ?? []).some((value) => isExpected(value, actual));
    default:
      return false;
  }
}

/** Bits of a NaN that instructions make quiet, JavaScript's numbers too; undefined for every other value. */
function signallingBits({ type, value }: SpecValue): bigint | undefined {
  if ((type !== 'f32' && type !== 'f64') || typeof value !== 'string' || value.startsWith('nan:')) return undefined;
  const bits = BigInt(value);
  const quiet = type === 'f32' ? 0x0040_0000n : 0x0008_0000_0000_0000n;
  return Number.isNaN(floatOf(value, type === 'f32' ? 4 : 8)) && (bits & quiet) === 0n ? bits : undefined;
}

/** Whether a result is to hold the bits of a signalling NaN among the arguments, which no number of JavaScript carries. */
export function showsPayload(args: readonly SpecValue[], results: readonly SpecValue[]): boolean {
  const payloads = args.map(signallingBits).filter((bits) => bits !== undefined);
  const shown = results.flatMap(({ type, lane_type: lane, value }) => {
    if (value === undefined || type === 'f32' || type === 'f64') return [];
    const sizeBytes = lane === undefined ? (type === 'i32' ? 4 : 8) : bytesOfLane[lane];
    return [value].flat().map((text) => (text.startsWith('nan:') ? -1n : bitsOf(text, sizeBytes)));
  });
  return payloads.some((bits) => shown.includes(bits));
}
