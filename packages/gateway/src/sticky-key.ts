import type { IncomingMessage } from 'node:http';
import type { HttpAffinity } from '@hotswap/core';

const maxKeyLength = 1_000;

/**
 * What keeps the requests of one client on one version: the value of the header or cookie that the module names; the
 * client's address where it names none or the request lacks it.
 * @internal
 */
export function stickyKeyOf(affinity: HttpAffinity, request: IncomingMessage, remoteAddress: string): string {
  const value =
    affinity === null
      ? undefined
      : 'header' in affinity
        ? headerText(request, affinity.header)
        : cookieText(request, affinity.cookie);
  return value === undefined || value === '' ? remoteAddress : value.slice(0, maxKeyLength);
}

function headerText({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function cookieText({ headers }: IncomingMessage, name: string): string | undefined {
  for (const pair of headers.cookie?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
