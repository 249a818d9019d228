import type { IncomingMessage } from 'node:http';
import { cookieText, headerText } from './request-values.ts';
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
        ? headerText(request.headers, affinity.header)
        : cookieText(request.headers, affinity.cookie);
  return value === undefined || value === '' ? remoteAddress : value.slice(0, maxKeyLength);
}
