import type { ModuleHttp } from '@hotswap/core';
import { haproxyError } from './error-codes.ts';

/**
 * What HAProxy is prepared for. It cannot make backends while it runs, so they are there from the start, in pools by the
 * key that keeps a client on one version, and a version of a module takes a free one when it first takes traffic.
 * @public
 */
export interface HaproxyPools {
  /**
   * Versions of public modules that take traffic at one time, per pool: one for each module, and one more for each that
   * is being rolled out. Default 64.
   */
  readonly backends?: number;
  /** Nodes per version. Default 128. */
  readonly serversPerBackend?: number;
  /** Headers by which modules keep their clients on a version, e.g. `x-user-id`. Default none. */
  readonly affinityHeaders?: readonly string[];
  /** Cookies of the same purpose. Default none. */
  readonly affinityCookies?: readonly string[];
  /** Headers by which deployments may bring requests to their new version (`traffic.match`). Default none. */
  readonly matchHeaders?: readonly string[];
  /** Cookies of the same purpose. Default none. */
  readonly matchCookies?: readonly string[];
}

/** One kind of backends. @internal */
export interface HaproxyPool {
  /** First part of its backends' names; the number follows. */
  readonly prefix: string;
  /** Sample expression of HAProxy that yields the key; absent: the client's address. */
  readonly key?: string;
}

/** A header or a cookie by which deployments may bring requests to their new version. @internal */
export interface HaproxyMatch {
  readonly source: MatchSource;
  /** Sample expression of HAProxy that yields its value. */
  readonly sample: string;
}

/** What a match looks at. @internal */
export type MatchSource = NonNullable<ModuleHttp['affinity']>;

/** Nodes that stand in for those of a version while none of them can be reached. */
const maxSpares = 16;

/** Defaults filled in. @internal */
export function poolSizes(pools: HaproxyPools): {
  readonly backends: number;
  readonly servers: number;
  readonly spares: number;
} {
  const servers = pools.serversPerBackend ?? 128;
  return { backends: pools.backends ?? 64, servers, spares: Math.min(maxSpares, servers) };
}

/**
 * All pools: by address, then by each header and cookie.
 * @throws HS_ROUTE_PROXY_NAME
 * @internal
 */
export function haproxyPools({ affinityHeaders = [], affinityCookies = [] }: HaproxyPools): readonly HaproxyPool[] {
  return [
    { prefix: poolPrefix(null) },
    ...affinityHeaders.map((name) => {
      const header = nameOf('affinityHeaders', name.toLowerCase());
      return { prefix: poolPrefix({ header }), key: `req.hdr(${header})` };
    }),
    ...affinityCookies.map((name) => {
      const cookie = nameOf('affinityCookies', name);
      return { prefix: poolPrefix({ cookie }), key: `req.cook(${cookie})` };
    }),
  ];
}

/**
 * What deployments may match by.
 * @throws HS_ROUTE_PROXY_NAME
 * @internal
 */
export function haproxyMatches({ matchHeaders = [], matchCookies = [] }: HaproxyPools): readonly HaproxyMatch[] {
  return [
    ...matchHeaders.map((name) => {
      const header = nameOf('matchHeaders', name.toLowerCase());
      return { source: { header }, sample: `req.fhdr(${header})` };
    }),
    ...matchCookies.map((name) => {
      const cookie = nameOf('matchCookies', name);
      return { source: { cookie }, sample: `req.cook(${cookie})` };
    }),
  ];
}

/** Names of backends have no other signs, and in the rules others would end a word. */
function nameOf(option: string, name: string): string {
  if (!/^[\w.:-]+$/.test(name)) throw haproxyError('HS_ROUTE_PROXY_NAME', { option, name });
  return name;
}

/** Where a module with that affinity belongs. @internal */
export function poolPrefix(affinity: ModuleHttp['affinity']): string {
  return affinity === null ? 'hotswap_address_' : `hotswap_${kindAndName(affinity)}_`;
}

/** Has no nodes: it is there so that the adapter sees what HAProxy has rules for. @internal */
export const matchBackend = (source: MatchSource): string => `hotswap_match_${kindAndName(source)}`;

/** Of a header or cookie, as it stands in names and keys. @internal */
export const kindAndName = (source: MatchSource): string =>
  'header' in source ? `header_${source.header.toLowerCase()}` : `cookie_${source.cookie}`;

/** What the options have to say so that HAProxy knows that header or cookie. @internal */
export const missingOption = (purpose: 'affinity' | 'match', source: MatchSource): string =>
  'header' in source
    ? `${purpose}Headers lacks ${source.header.toLowerCase()}`
    : `${purpose}Cookies lacks ${source.cookie}`;
