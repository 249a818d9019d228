import type { ModuleHttp, Route } from '@hotswap/core';
import { haproxyError } from './error-codes.ts';
import { poolOption, poolPrefix } from './haproxy-pools.ts';
import type { ProxyServer, ProxyState } from './proxy-state.ts';

/** Largest weight that HAProxy knows. */
const maxWeight = 256;

/** A node as HAProxy shall send requests to it. */
interface WantedServer {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
}

/** A module as HAProxy shall route it. */
interface WantedModule {
  readonly moduleName: string;
  readonly affinity: ModuleHttp['affinity'];
  readonly keys: readonly string[];
  readonly servers: ReadonlyMap<string, WantedServer>;
}

/** Commands that bring HAProxy to what the routes say, in the order in which no request finds nobody. @internal */
export interface ProxyPlan {
  /** Addresses of servers that come, their weights and their start. */
  readonly prepare: readonly string[];
  /** All weights that change: told in one line, the old and the new share change places at once. */
  readonly weigh: readonly string[];
  /** Hosts and paths that come, change or go. */
  readonly map: readonly string[];
  /** Servers that go: what they have begun they end. */
  readonly retire: readonly string[];
}

/**
 * Compares what the routes of public modules ask for with what HAProxy does. Nothing to do: four empty lists. Pure.
 * @throws HS_ROUTE_PROXY_FULL when a module or a node does not fit
 * @internal
 */
export function planProxy(routes: readonly Route[], state: ProxyState, mapFile: string): ProxyPlan {
  const wanted = routes.map(wantedModule).filter((module) => module !== null);
  const plan = { prepare: [] as string[], weigh: [] as string[], map: [] as string[], retire: [] as string[] };
  const backendOf = chooseBackends(wanted, state);
  const keys = new Map<string, string>();
  for (const module of wanted) {
    const backend = backendOf.get(module) as string;
    for (const key of module.keys) keys.set(key, backend);
    planServers(module, backend, state.backends.get(backend) ?? [], plan);
  }
  const used = new Set(backendOf.values());
  for (const [backend, servers] of state.backends)
    if (!used.has(backend))
      for (const server of servers)
        if (server.isEnabled) plan.retire.push(`set server ${backend}/${server.name} state maint`);
  for (const [key, backend] of keys) {
    const now = state.map.get(key);
    if (now === undefined) plan.map.push(`add map ${mapFile} ${key} ${backend}`);
    else if (now !== backend) plan.map.push(`set map ${mapFile} ${key} ${backend}`);
  }
  for (const key of state.map.keys()) if (!keys.has(key)) plan.map.push(`del map ${mapFile} ${key}`);
  return plan;
}

/** `null`: nobody shall reach the module by HTTP without a key. */
function wantedModule({ moduleName, targets }: Route): WantedModule | null {
  const serving = targets.filter((target) => target.http !== null && target.publicUrl !== null);
  const [first] = serving.toSorted((a, b) => (a.releaseId < b.releaseId ? -1 : 1));
  if (!first?.http || serving.some((target) => target.http?.access !== 'public')) return null;
  const { hosts, pathPrefix, affinity } = first.http;
  const path = pathPrefix.endsWith('/') ? pathPrefix : `${pathPrefix}/`;
  const weights = new Map<string, number>();
  for (const { publicUrl, weight } of serving) {
    const { host } = withPort(publicUrl as string);
    weights.set(host, (weights.get(host) ?? 0) + weight);
  }
  const largest = Math.max(...weights.values());
  return {
    moduleName,
    affinity,
    keys: hosts.length === 0 ? [path] : hosts.map((host) => `${host.toLowerCase()}${path}`),
    servers: new Map(
      [...weights].map(([host, weight]) => {
        const { address, port } = withPort(`http://${host}`);
        // No share that is above zero may become none.
        return [host, { address, port, weight: Math.max(1, Math.round((weight / largest) * maxWeight)) }];
      }),
    ),
  };
}

function withPort(url: string): { readonly host: string; readonly address: string; readonly port: number } {
  const { protocol, hostname, port } = new URL(url);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  return { host: `${hostname}:${number}`, address: hostname.replace(/^\[|\]$/g, ''), port: number };
}

/** A module keeps the backend that its keys lead to; one that comes takes a free one of its pool. */
function chooseBackends(wanted: readonly WantedModule[], state: ProxyState): ReadonlyMap<WantedModule, string> {
  const chosen = new Map<WantedModule, string>();
  const taken = new Set<string>();
  for (const module of wanted) {
    const prefix = poolPrefix(module.affinity);
    const kept = module.keys
      .map((key) => state.map.get(key))
      .find(
        (backend) =>
          backend !== undefined && isOfPool(backend, prefix) && state.backends.has(backend) && !taken.has(backend),
      );
    if (kept === undefined) continue;
    chosen.set(module, kept);
    taken.add(kept);
  }
  for (const module of wanted) {
    if (chosen.has(module)) continue;
    const { moduleName, affinity } = module;
    const pool = [...state.backends.keys()].filter((backend) => isOfPool(backend, poolPrefix(affinity)));
    if (pool.length === 0 && affinity !== null)
      throw haproxyError('HS_ROUTE_PROXY_FULL', { moduleName, why: poolOption(affinity) });
    const free = pool.find((backend) => !taken.has(backend));
    if (free === undefined)
      throw haproxyError('HS_ROUTE_PROXY_FULL', {
        moduleName,
        why: `all ${pool.length} backends of its pool are taken`,
      });
    chosen.set(module, free);
    taken.add(free);
  }
  return chosen;
}

const isOfPool = (backend: string, prefix: string): boolean =>
  backend.startsWith(prefix) && /^\d+$/.test(backend.slice(prefix.length));

function planServers(
  { moduleName, servers: wanted }: WantedModule,
  backend: string,
  servers: readonly ProxyServer[],
  plan: { readonly prepare: string[]; readonly weigh: string[]; readonly retire: string[] },
): void {
  const left = new Map(wanted);
  const free: ProxyServer[] = [];
  for (const server of servers) {
    const host = `${server.address.includes(':') ? `[${server.address}]` : server.address}:${server.port}`;
    const match = server.isEnabled ? left.get(host) : undefined;
    if (match) {
      left.delete(host);
      if (match.weight !== server.weight)
        plan.weigh.push(`set server ${backend}/${server.name} weight ${match.weight}`);
    } else if (server.isEnabled) plan.retire.push(`set server ${backend}/${server.name} state maint`);
    else free.push(server);
  }
  if (left.size > free.length)
    throw haproxyError('HS_ROUTE_PROXY_FULL', {
      moduleName,
      why: `it is on ${wanted.size} nodes and serversPerBackend is ${servers.length}`,
    });
  // Those that have never been used first: what a server has begun under its old address may still be under way.
  const byUse = free.toSorted((a, b) => Number(a.port !== 1) - Number(b.port !== 1));
  for (const { address, port, weight } of left.values()) {
    const name = `${backend}/${byUse.shift()?.name ?? ''}`;
    plan.prepare.push(`set server ${name} addr ${address} port ${port}`, `set server ${name} weight ${weight}`);
    plan.weigh.push(`set server ${name} state ready`, `enable health ${name}`);
  }
}
