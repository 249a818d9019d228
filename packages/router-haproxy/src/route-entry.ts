/** Shares are stretches of one scale from 0 to this: a client is a point of it, the same one on every HAProxy. @internal */
export const scale = 1_000_000;

/** Versions of a module that may take traffic at one time. Each costs a rule in the configuration. @internal */
export const maxVersions = 8;

/** A version of a module and where on the scale its stretch ends; it begins where the one before it ends. @internal */
export interface EntryVersion {
  readonly end: number;
  readonly backend: string;
  readonly releaseId: string;
}

/** What the map of HAProxy says of a module: one value, so that all shares change places at once. @internal */
export interface RouteEntry {
  /** Part of what a client's point follows from, so that not the same clients come first with every module. */
  readonly name: string;
  readonly versions: readonly EntryVersion[];
}

/** As a value of the map. @internal */
export function formatEntry({ name, versions }: RouteEntry): string {
  return [name, ...versions.map(({ end, backend, releaseId }) => `${end}=${backend}=${releaseId}`)].join('|');
}

/** The value of a map; what another version of the adapter wrote has no versions. @internal */
export function parseEntry(value: string): RouteEntry {
  const [name = '', ...parts] = value.split('|');
  const versions = parts.flatMap((part) => {
    const [end, backend, releaseId] = part.split('=');
    return backend === undefined || releaseId === undefined ? [] : [{ end: Number(end), backend, releaseId }];
  });
  return { name, versions };
}

/**
 * Ends of the stretches of versions with these weights. In an order that stays, the stretch of a version whose share grows
 * only gets longer, at both of its ends, while no other share grows; the first and the last one in any case.
 * @internal
 */
export function endsOf(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.map((weight, at) => {
    sum += weight;
    // Weights of different stages say one share with different traces of rounding.
    return at === weights.length - 1 ? scale : Math.round(Math.round((sum / total) * scale * 1_000) / 1_000);
  });
}
