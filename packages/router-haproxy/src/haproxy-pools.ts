import type { ModuleHttp } from '@hotswap/core';

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
}

/** One kind of backends. @internal */
export interface HaproxyPool {
  /** First part of its backends' names; the number follows. */
  readonly prefix: string;
  /** Sample expression of HAProxy that yields the key; absent: the client's address. */
  readonly key?: string;
}

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

/** All pools: by address, then by each header and cookie. @internal */
export function haproxyPools({ affinityHeaders = [], affinityCookies = [] }: HaproxyPools): readonly HaproxyPool[] {
  return [
    { prefix: poolPrefix(null) },
    ...affinityHeaders.map((header) => ({
      prefix: poolPrefix({ header }),
      key: `req.hdr(${header.toLowerCase()})`,
    })),
    ...affinityCookies.map((cookie) => ({ prefix: poolPrefix({ cookie }), key: `req.cook(${cookie})` })),
  ];
}

/** Where a module with that affinity belongs. @internal */
export function poolPrefix(affinity: ModuleHttp['affinity']): string {
  if (affinity === null) return 'hotswap_address_';
  return 'header' in affinity
    ? `hotswap_header_${affinity.header.toLowerCase()}_`
    : `hotswap_cookie_${affinity.cookie}_`;
}

/** What the options have to say so that there is such a pool. @internal */
export function poolOption(affinity: NonNullable<ModuleHttp['affinity']>): string {
  return 'header' in affinity
    ? `affinityHeaders lacks ${affinity.header.toLowerCase()}`
    : `affinityCookies lacks ${affinity.cookie}`;
}
