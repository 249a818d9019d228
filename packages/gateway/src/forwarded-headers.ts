import type { IncomingMessage } from 'node:http';

/** What belongs to one connection and is not passed on (RFC 9110, 7.6.1). */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Made anew for each node: what a client says here is not to be believed, or meant for this server alone. */
const replaced: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'expect',
  'forwarded',
  'host',
  'x-request-id',
]);

/** Where a request came in. @internal */
export interface ForwardedFrom {
  readonly remoteAddress: string;
  readonly scheme: 'http' | 'https';
  /** Path that stands before what the module sees. */
  readonly prefix: string;
}

/**
 * The headers of a request as a node gets them, as pairs in a row: those of the connection and all that a client could
 * forge are left out, `x-forwarded-*` say where it came from.
 * @internal
 */
export function requestHeaders(request: IncomingMessage, from: ForwardedFrom): string[] {
  const named = namedByConnection(request.headers.connection);
  const headers: string[] = [];
  const { rawHeaders } = request;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (isPassedOn(name, named)) headers.push(name, rawHeaders[i + 1] as string);
  }
  const length = request.headers['content-length'];
  if (length !== undefined && request.headers['transfer-encoding'] === undefined)
    headers.push('content-length', length);
  if (wantsTrailers(request)) headers.push('te', 'trailers');
  headers.push('x-forwarded-for', from.remoteAddress, 'x-forwarded-proto', from.scheme);
  if (request.headers.host !== undefined) headers.push('x-forwarded-host', request.headers.host);
  headers.push('x-forwarded-prefix', from.prefix);
  return headers;
}

/**
 * The headers of an answer as the client gets them, as pairs in a row: the module's own byte for byte, less those of the
 * connection, and the gateway's own instead of any of the same name. Policies on content add up, so both stay.
 * @param announcesTrailers see {@link canHaveTrailers}
 * @internal
 */
export function responseHeaders(
  raw: readonly (Buffer | string)[],
  own: Readonly<Record<string, string>>,
  announcesTrailers: boolean,
): readonly string[] {
  const pairs: (readonly [name: string, value: string])[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([textOf(raw[i]), textOf(raw[i + 1])]);
  const named = namedByConnection(pairs.find(([name]) => name.toLowerCase() === 'connection')?.[1]);
  const headers: string[] = [];
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    const isOwn = Object.hasOwn(own, lower) && lower !== 'content-security-policy';
    const isPassed = lower === 'trailer' ? announcesTrailers : !hopByHop.has(lower) && !named.has(lower);
    if (isPassed && !isOwn) headers.push(name, value);
  }
  for (const [name, value] of Object.entries(own)) headers.push(name, value);
  return headers;
}

/**
 * Whether an answer to that request can end with trailers: only chunked ones do, and announcing trailers of another one
 * is an error to Node.
 * @internal
 */
export function canHaveTrailers(
  { httpVersion, method }: Pick<IncomingMessage, 'httpVersion' | 'method'>,
  status: number,
  hasLength: boolean,
): boolean {
  return httpVersion !== '1.0' && method !== 'HEAD' && status !== 204 && status !== 304 && !hasLength;
}

/** What may never come after a body, where whoever has read the head would not see it any more (RFC 9110, 6.5.1). */
const neverTrailers: ReadonlySet<string> = new Set([
  ...hopByHop,
  ...replaced,
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'cookie',
  'location',
  'max-forwards',
  'set-cookie',
  'www-authenticate',
]);

/**
 * The trailers of a message as the other side gets them; `null` when there are none. Fields that decide how a message is
 * read, whom it is from or what a client keeps are left out, and those that the gateway has set itself.
 * @internal
 */
export function passedTrailers(
  trailers: Readonly<Record<string, string | readonly string[] | undefined>>,
  own: Readonly<Record<string, string>> = {},
): Record<string, string> | null {
  const passed = Object.entries(trailers).flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    if (value === undefined || neverTrailers.has(lower) || Object.hasOwn(own, lower)) return [];
    if (lower.startsWith('x-forwarded-') || lower.startsWith('x-hotswap-')) return [];
    return [[lower, typeof value === 'string' ? value : value.join(', ')] as const];
  });
  return passed.length === 0 ? null : Object.fromEntries(passed);
}

/** Whether the client says that it reads trailers; nodes send none otherwise. */
function wantsTrailers({ headers: { te } }: IncomingMessage): boolean {
  return te !== undefined && /(?:^|,)\s*trailers\s*(?:$|,|;)/i.test(String(te));
}

function textOf(bytes: Buffer | string | undefined): string {
  return typeof bytes === 'string' ? bytes : (bytes?.toString('latin1') ?? '');
}

function isPassedOn(name: string, named: ReadonlySet<string>): boolean {
  return (
    !hopByHop.has(name) &&
    !replaced.has(name) &&
    !named.has(name) &&
    !name.startsWith('x-forwarded-') &&
    !name.startsWith('x-hotswap-')
  );
}

const none: ReadonlySet<string> = new Set();

function namedByConnection(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return none;
  return new Set(connection.split(',').map((name) => name.trim().toLowerCase()));
}
