import type { IncomingHttpHeaders } from 'node:http';

/** A header's value, several of one name joined; `undefined` when it is not there. @internal */
export function headerText(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** A cookie's value as it was sent; `undefined` when it is not there. @internal */
export function cookieText(headers: IncomingHttpHeaders, name: string): string | undefined {
  for (const pair of headers.cookie?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}
