import type { ModuleHttp, Route, RouteTarget } from '@hotswap/core';
import { wantedMatches, type WantedMatch } from './match-entry.ts';
import { endsOf, maxVersions, parseEntry } from './route-entry.ts';

/** Largest weight that HAProxy knows. */
const maxWeight = 256;

/** A node as HAProxy shall send requests to it. @internal */
export interface WantedServer {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** A version of a module that takes traffic, or keeps its place without any: then it has no servers. @internal */
export interface WantedVersion {
  readonly releaseId: string;
  /** See {@link EntryVersion.end}. */
  readonly end: number;
  /** Nodes that serve it, by host and port. */
  readonly servers: ReadonlyMap<string, WantedServer>;
  /** Nodes that serve only others; they stand in while none that serves it can be reached. */
  readonly spares: ReadonlyMap<string, WantedServer>;
}

/** A module as HAProxy shall route it. @internal */
export interface WantedModule {
  readonly name: string;
  readonly moduleName: string;
  readonly affinity: ModuleHttp['affinity'];
  /** Hosts and paths. */
  readonly keys: readonly string[];
  /** In the order of their stretches. */
  readonly versions: readonly WantedVersion[];
  /** What brings requests to one of the versions whatever its share. */
  readonly matches: readonly WantedMatch[];
}

/**
 * What HAProxy shall do for a route. A version's share is that of the whole route, whichever of its nodes HAProxy can
 * reach: else it could fall while the rollout raises it.
 * @param map what HAProxy does for it now
 * @returns `null`: nobody shall reach the module by HTTP without a key
 * @internal
 */
export function wantedModule(
  { tenant, moduleName, targets, matches }: Route,
  map: ReadonlyMap<string, string>,
): WantedModule | null {
  const serving = targets.filter((target) => target.http !== null && target.publicUrl !== null);
  const [first] = serving.toSorted((a, b) => (a.releaseId < b.releaseId ? -1 : 1));
  if (!first?.http || serving.some((target) => target.http?.access !== 'public')) return null;
  const { hosts, pathPrefix, affinity } = first.http;
  const path = pathPrefix.endsWith('/') ? pathPrefix : `${pathPrefix}/`;
  const keys = hosts.length === 0 ? [path] : hosts.map((host) => `${host.toLowerCase()}${path}`);
  const name = `${tenant}/${moduleName}`;
  // What another module has written under a key says nothing of this one.
  const entries = keys.map((key) => parseEntry(map.get(key) ?? '')).filter((entry) => entry.name === name);
  const present = entries.flatMap((entry) => entry.versions.map((version) => version.releaseId));
  const ids = inOrder(new Set(serving.map(({ releaseId }) => releaseId)), new Set(present));
  const reachable = Map.groupBy(serving, ({ releaseId }) => releaseId);
  const ends = endsOf(
    ids.map((id) => (reachable.has(id) ? weightOf(targets.filter(({ releaseId }) => releaseId === id)) : 0)),
  );
  const all = serversOf(serving);
  const versions = ids.map((releaseId, at) => {
    const servers = serversOf(reachable.get(releaseId) ?? []);
    const others = servers.size === 0 ? [] : [...all].filter(([host]) => !servers.has(host));
    const spares = new Map(others.map(([host, node]) => [host, spare(node)]));
    return { releaseId, end: ends[at] as number, servers, spares };
  });
  return {
    name,
    moduleName,
    affinity,
    keys,
    versions,
    matches: wantedMatches(name, { matches }, new Set(reachable.keys())),
  };
}

/**
 * Versions in the order of their stretches. Those that are there keep it; one that comes goes to an end, where nothing
 * but its own share decides who its clients are. The end follows from its id, so that every HAProxy has two versions in
 * the same order, also one that has forgotten everything. One that goes keeps its place until a single one is left: stages
 * of a rollout can take a version away and bring it back.
 */
function inOrder(ids: ReadonlySet<string>, present: ReadonlySet<string>): readonly string[] {
  const stay = [...present].filter((id) => ids.has(id) || (ids.size > 1 && ids.union(present).size <= maxVersions));
  const order = [...stay];
  for (const id of [...ids].sort())
    if (!stay.includes(id)) {
      if (order.every((other) => other < id)) order.push(id);
      else order.unshift(id);
    }
  return order;
}

const weightOf = (targets: readonly RouteTarget[]): number => targets.reduce((sum, { weight }) => sum + weight, 0);

const spare = (server: WantedServer): WantedServer => ({ ...server, weight: 1 });

function serversOf(targets: readonly RouteTarget[]): ReadonlyMap<string, WantedServer> {
  const byHost = Map.groupBy(targets, ({ publicUrl }) => place(publicUrl as string).host);
  const weights = new Map([...byHost].map(([host, those]) => [host, weightOf(those)]));
  const largest = Math.max(...weights.values());
  return new Map(
    [...weights].map(([host, weight]) => {
      const { address, port } = place(`http://${host}`);
      // No share that is above zero may become none.
      return [host, { address, port, weight: Math.max(1, Math.round((weight / largest) * maxWeight)) }];
    }),
  );
}

function place(url: string): { readonly host: string; readonly address: string; readonly port: number } {
  const { protocol, hostname, port } = new URL(url);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return { host: `${hostname}:${number}`, address: hostname.replace(/^\[|\]$/g, ''), port: number };
}
