import type { HttpHeader, HttpRequestHead } from '@hotswap/core';

/** Texts of a flat head before its headers. */
const fixedTexts = 5;

/** Reads the flat form in which the addon hands heads over. @internal */
export function readRequestHead(flat: readonly string[]): HttpRequestHead {
  const [method = '', url = '', authority = '', scheme = 'http', remoteAddress = ''] = flat;
  const headers: HttpHeader[] = [];
  for (let at = fixedTexts; at + 1 < flat.length; at += 2) headers.push([flat[at] ?? '', flat[at + 1] ?? '']);
  return { method, url, authority, scheme: scheme === 'https' ? 'https' : 'http', headers, remoteAddress };
}
