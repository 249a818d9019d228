import type { HotSwapError } from '@hotswap/core';
import { haproxyError } from './error-codes.ts';
import { missingOption, poolPrefix } from './haproxy-pools.ts';
import type { ProxyState } from './proxy-state.ts';
import { maxVersions, parseEntry } from './route-entry.ts';
import type { WantedModule, WantedVersion } from './wanted-module.ts';

/** Where versions go. @internal */
export interface ChosenBackends {
  /** Of each version that takes traffic, unless its module does not fit. */
  readonly backendOf: ReadonlyMap<WantedVersion, string>;
  /** Why modules do not fit, by their names. */
  readonly misfits: ReadonlyMap<string, HotSwapError>;
}

/**
 * A version keeps the backend that the map names for its module; one that comes takes a free one of its module's pool,
 * never one that the map still names for another module. @internal
 */
export function chooseBackends(wanted: readonly WantedModule[], state: ProxyState): ChosenBackends {
  const backendOf = new Map<WantedVersion, string>();
  const misfits = new Map<string, HotSwapError>();
  const taken = new Set<string>();
  function take(version: WantedVersion, backend: string): void {
    backendOf.set(version, backend);
    taken.add(backend);
  }
  const fitting = wanted.filter((module) => {
    const why = whyNeverFitting(module, state);
    if (why !== null) misfits.set(module.name, full(module, why));
    return why === null;
  });
  for (const module of fitting)
    for (const version of serving(module)) {
      const kept = presentBackend(module, version, state);
      if (kept !== undefined && !taken.has(kept)) take(version, kept);
    }
  const namers = namersOf(state);
  for (const module of fitting) {
    const come = serving(module).filter((version) => !backendOf.has(version));
    const pool = poolOf(module, state);
    // One that still leads to the module's own is taken last, so that a request that was just decided reaches what it was
    // decided for.
    const free = pool
      .filter(
        (backend) => !taken.has(backend) && [...(namers.get(backend) ?? [])].every((name) => name === module.name),
      )
      .toSorted((a, b) => Number(namers.has(a)) - Number(namers.has(b)));
    if (free.length < come.length) {
      for (const version of module.versions) backendOf.delete(version);
      misfits.set(module.name, full(module, `all ${pool.length} backends of its pool are taken`));
    } else for (const [at, version] of come.entries()) take(version, free[at] as string);
  }
  return { backendOf, misfits };
}

const serving = ({ versions }: WantedModule): readonly WantedVersion[] =>
  versions.filter(({ servers }) => servers.size > 0);

/** What no going of another module could change. */
function whyNeverFitting(module: WantedModule, state: ProxyState): string | null {
  const { affinity } = module;
  const pool = poolOf(module, state);
  if (pool.length === 0 && affinity !== null) return missingOption('affinity', affinity);
  const unknown = module.matches.find(({ backend }) => !state.backends.has(backend));
  if (unknown !== undefined) return missingOption('match', unknown.source);
  const versions = serving(module);
  if (versions.length > maxVersions)
    return `${versions.length} versions of it take traffic at one time, and there are rules for ${maxVersions}`;
  const places = Math.min(...pool.map((backend) => placesOf(backend, state)));
  const most = Math.max(0, ...versions.map(({ servers }) => servers.size));
  return most > places ? `a version is on ${most} nodes and serversPerBackend is ${places}` : null;
}

const placesOf = (backend: string, { backends }: ProxyState): number =>
  (backends.get(backend) ?? []).filter(({ isSpare }) => !isSpare).length;

const poolOf = ({ affinity }: WantedModule, { backends }: ProxyState): readonly string[] =>
  [...backends.keys()].filter((backend) => isOfPool(backend, poolPrefix(affinity)));

const isOfPool = (backend: string, prefix: string): boolean =>
  backend.startsWith(prefix) && /^\d+$/.test(backend.slice(prefix.length));

function presentBackend(
  { name, keys, affinity }: WantedModule,
  { releaseId }: WantedVersion,
  { backends, map }: ProxyState,
): string | undefined {
  for (const key of keys) {
    const entry = parseEntry(map.get(key) ?? '');
    if (entry.name !== name) continue;
    for (const { backend, releaseId: id } of entry.versions)
      if (id === releaseId && isOfPool(backend, poolPrefix(affinity)) && backends.has(backend)) return backend;
  }
  return undefined;
}

/** The modules for which the map names a backend. */
function namersOf({ map }: ProxyState): ReadonlyMap<string, ReadonlySet<string>> {
  const namers = new Map<string, Set<string>>();
  for (const value of map.values()) {
    const { name, versions } = parseEntry(value);
    for (const { backend } of versions) namers.set(backend, (namers.get(backend) ?? new Set()).add(name));
  }
  return namers;
}

const full = ({ moduleName }: WantedModule, why: string): HotSwapError =>
  haproxyError('HS_ROUTE_PROXY_FULL', { moduleName, why });
