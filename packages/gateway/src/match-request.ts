import type { IncomingHttpHeaders } from 'node:http';
import type { RouteMatch, TrafficMatch } from '@hotswap/core';
import { cookieText, headerText } from './request-values.ts';

/** Release that a request is brought to beside the weights; `undefined` when none fits. @internal */
export function matchedRelease(matches: readonly RouteMatch[], headers: IncomingHttpHeaders): string | undefined {
  return matches.length === 0 ? undefined : matches.find(({ when }) => fits(when, headers))?.releaseId;
}

function fits(when: TrafficMatch, headers: IncomingHttpHeaders): boolean {
  const value = 'header' in when ? headerText(headers, when.header) : cookieText(headers, when.cookie);
  return when.value === undefined ? value !== undefined && value !== '' : value === when.value;
}
