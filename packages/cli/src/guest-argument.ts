import type { Json } from '@hotswap/core';
import { callArgument } from './option-values.ts';

const words: Readonly<Record<string, string>> = { nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity' };

/**
 * An argument of a function of which it is known what it takes: texts and whole numbers are taken as they stand, so that
 * `42` is a text where one is wanted, and no digit of a 64-bit number is lost on the way through JSON.
 * @internal
 */
export function guestArgument(text: string, type: string): Json {
  const json = callArgument(text);
  if (type === 'string' || type === 'char') return typeof json === 'string' ? json : text;
  if (/^f(?:32|64)$/.test(type)) return words[text.toLowerCase()] ?? json;
  if (!/^[isu](?:8|16|32|64)$/.test(type)) return json;
  if (/^0x[\da-f]+$/i.test(text)) return wholeNumber(BigInt(text));
  return /^-?\d+$/.test(text) ? wholeNumber(BigInt(text)) : json;
}

const wholeNumber = (value: bigint): Json => (Number.isSafeInteger(Number(value)) ? Number(value) : value.toString());
