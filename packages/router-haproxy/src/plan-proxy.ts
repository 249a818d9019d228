import type { Route } from '@hotswap/core';
import { haproxyError } from './error-codes.ts';
import { poolOption, poolPrefix } from './haproxy-pools.ts';
import type { ProxyServer, ProxyState } from './proxy-state.ts';
import { formatEntry, maxVersions, parseEntry } from './route-entry.ts';
import { wantedModule, type WantedModule, type WantedServer, type WantedVersion } from './wanted-module.ts';

/** Commands that bring HAProxy to what the routes say, in the order in which no request finds nobody. @internal */
export interface ProxyPlan {
  /** Addresses of servers that come, and their weights. */
  readonly prepare: readonly string[];
  /** All weights that change and all servers that begin, told in one line. */
  readonly weigh: readonly string[];
  /** Hosts and paths that come, change or go, with the shares of their versions. */
  readonly map: readonly string[];
  /** Servers that go: what they have begun they end. */
  readonly retire: readonly string[];
}

/** Stands for the backend of a version that takes no traffic. */
const noBackend = 'none';

type Commands = { readonly [list in keyof ProxyPlan]: string[] };

/**
 * Compares what the routes of public modules ask for with what HAProxy does. Nothing to do: four empty lists. Pure.
 * @throws HS_ROUTE_PROXY_FULL when a module, a version or a node does not fit
 * @internal
 */
export function planProxy(routes: readonly Route[], state: ProxyState, mapFile: string): ProxyPlan {
  const wanted = routes.map((route) => wantedModule(route, state.map)).filter((module) => module !== null);
  const plan: Commands = { prepare: [], weigh: [], map: [], retire: [] };
  const backendOf = chooseBackends(wanted, state);
  const values = new Map<string, string>();
  for (const module of wanted) {
    const versions = module.versions.map((version) => ({ ...version, backend: backendOf.get(version) ?? noBackend }));
    const value = formatEntry({ name: module.name, versions });
    for (const key of module.keys) values.set(key, value);
    for (const version of versions) planVersion(module, version, state.backends.get(version.backend) ?? [], plan);
  }
  const used = new Set(backendOf.values());
  for (const [backend, servers] of state.backends)
    if (!used.has(backend))
      for (const server of servers)
        if (server.isEnabled) plan.retire.push(`set server ${backend}/${server.name} state maint`);
  for (const [key, value] of values) {
    const now = state.map.get(key);
    if (now === undefined) plan.map.push(`add map ${mapFile} ${key} ${value}`);
    else if (now !== value) plan.map.push(`set map ${mapFile} ${key} ${value}`);
  }
  for (const key of state.map.keys()) if (!values.has(key)) plan.map.push(`del map ${mapFile} ${key}`);
  return plan;
}

/** A version keeps the backend that the map names; one that comes takes a free one of its module's pool. */
function chooseBackends(wanted: readonly WantedModule[], state: ProxyState): ReadonlyMap<WantedVersion, string> {
  const chosen = new Map<WantedVersion, string>();
  const taken = new Set<string>();
  function take(version: WantedVersion, backend: string): void {
    chosen.set(version, backend);
    taken.add(backend);
  }
  for (const module of wanted) {
    const prefix = poolPrefix(module.affinity);
    const present = module.keys.flatMap((key) => parseEntry(state.map.get(key) ?? '').versions);
    for (const version of serving(module)) {
      const kept = present.find(
        ({ releaseId, backend }) =>
          releaseId === version.releaseId &&
          isOfPool(backend, prefix) &&
          state.backends.has(backend) &&
          !taken.has(backend),
      );
      if (kept !== undefined) take(version, kept.backend);
    }
  }
  // A backend that still leads to something is taken last, so that a request that was just decided reaches what it was decided for.
  const busy = new Set([...state.map.values()].flatMap((value) => parseEntry(value).versions.map((v) => v.backend)));
  for (const module of wanted) {
    const pool = poolOf(module, state).toSorted((a, b) => Number(busy.has(a)) - Number(busy.has(b)));
    for (const version of serving(module)) {
      if (chosen.has(version)) continue;
      const free = pool.find((backend) => !taken.has(backend));
      if (free === undefined) throw full(module, `all ${pool.length} backends of its pool are taken`);
      take(version, free);
    }
  }
  return chosen;
}

const serving = ({ versions }: WantedModule): readonly WantedVersion[] =>
  versions.filter(({ servers }) => servers.size > 0);

function poolOf(module: WantedModule, state: ProxyState): readonly string[] {
  const { affinity } = module;
  const pool = [...state.backends.keys()].filter((backend) => isOfPool(backend, poolPrefix(affinity)));
  if (pool.length === 0 && affinity !== null) throw full(module, poolOption(affinity));
  const count = serving(module).length;
  if (count > maxVersions)
    throw full(module, `${count} versions of it take traffic at one time, and there are rules for ${maxVersions}`);
  return pool;
}

const full = ({ moduleName }: WantedModule, why: string): Error =>
  haproxyError('HS_ROUTE_PROXY_FULL', { moduleName, why });

const isOfPool = (backend: string, prefix: string): boolean =>
  backend.startsWith(prefix) && /^\d+$/.test(backend.slice(prefix.length));

function planVersion(
  module: WantedModule,
  { backend, servers, spares }: WantedVersion & { readonly backend: string },
  present: readonly ProxyServer[],
  plan: Commands,
): void {
  const places = present.filter(({ isSpare }) => !isSpare);
  const left = planServers(backend, servers, places, plan);
  if (left > 0) throw full(module, `a version is on ${servers.size} nodes and serversPerBackend is ${places.length}`);
  const spare = present.filter(({ isSpare }) => isSpare);
  planServers(backend, spread(spares, spare.length), spare, plan);
}

/** As many as there is room for, from everywhere: neighbours in the order of addresses often fail together. */
function spread<T>(all: ReadonlyMap<string, T>, room: number): ReadonlyMap<string, T> {
  const sorted = [...all].toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length <= room) return all;
  return new Map(
    Array.from({ length: room }, (_, at) => sorted[Math.floor((at * sorted.length) / room)] as [string, T]),
  );
}

/** @returns how many found no place */
function planServers(
  backend: string,
  wanted: ReadonlyMap<string, WantedServer>,
  places: readonly ProxyServer[],
  plan: Commands,
): number {
  const left = new Map(wanted);
  const free: ProxyServer[] = [];
  for (const server of places) {
    const host = `${server.address.includes(':') ? `[${server.address}]` : server.address}:${server.port}`;
    const match = server.isEnabled ? left.get(host) : undefined;
    if (match) {
      left.delete(host);
      if (match.weight !== server.weight)
        plan.weigh.push(`set server ${backend}/${server.name} weight ${match.weight}`);
    } else if (server.isEnabled) plan.retire.push(`set server ${backend}/${server.name} state maint`);
    else free.push(server);
  }
  // Those that have never been used first: what a server has begun under its old address may still be under way.
  const byUse = free.toSorted((a, b) => Number(a.port !== 1) - Number(b.port !== 1));
  for (const { address, port, weight } of [...left.values()].slice(0, byUse.length)) {
    const name = `${backend}/${byUse.shift()?.name ?? ''}`;
    plan.prepare.push(`set server ${name} addr ${address} port ${port}`, `set server ${name} weight ${weight}`);
    plan.weigh.push(`set server ${name} state ready`, `enable health ${name}`);
  }
  return Math.max(0, left.size - free.length);
}
