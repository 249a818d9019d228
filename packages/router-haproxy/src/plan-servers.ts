import type { ProxyCommands } from './proxy-command.ts';
import type { ProxyServer } from './proxy-state.ts';
import type { WantedServer, WantedVersion } from './wanted-module.ts';

/** A backend that a version of a module has, or gets. @internal */
export interface PlannedBackend {
  /** Of the module. */
  readonly module: string;
  readonly backend: string;
  readonly servers: readonly ProxyServer[];
  /** Whether requests may come to it by the map as it is. */
  readonly isNamed: boolean;
}

/**
 * Brings the servers of a backend to the nodes of a version.
 * @returns how many nodes find a place only after this plan, when those have gone that it retires
 * @internal
 */
export function planServers(
  target: PlannedBackend,
  { servers, spares }: Pick<WantedVersion, 'servers' | 'spares'>,
  plan: ProxyCommands,
): number {
  const left = planPlaces(
    target,
    servers,
    target.servers.filter(({ isSpare }) => !isSpare),
    plan,
  );
  const spare = target.servers.filter(({ isSpare }) => isSpare);
  planPlaces(target, spread(spares, spare.length), spare, plan);
  return left;
}

/** As many as there is room for, from everywhere: neighbours in the order of addresses often fail together. */
function spread<T>(all: ReadonlyMap<string, T>, room: number): ReadonlyMap<string, T> {
  const sorted = [...all].toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length <= room) return all;
  return new Map(
    Array.from({ length: room }, (_, at) => sorted[Math.floor((at * sorted.length) / room)] as [string, T]),
  );
}

function planPlaces(
  { module, backend, isNamed }: PlannedBackend,
  wanted: ReadonlyMap<string, WantedServer>,
  places: readonly ProxyServer[],
  plan: ProxyCommands,
): number {
  const left = new Map(wanted);
  const free: ProxyServer[] = [];
  const leaving: ProxyServer[] = [];
  for (const server of places) {
    const host = `${server.address.includes(':') ? `[${server.address}]` : server.address}:${server.port}`;
    const match = server.isEnabled ? left.get(host) : undefined;
    if (match) {
      left.delete(host);
      if (match.weight !== server.weight)
        plan.weigh.push({ module, text: `set server ${backend}/${server.name} weight ${match.weight}` });
    } else (server.isEnabled ? leaving : free).push(server);
  }
  // Where nothing leads, a plan that broke off may have left another module's: they are gone before requests come. Else
  // they stay until the new ones are there, but for one where there is no place left.
  const countFirst = !isNamed ? leaving.length : free.length === 0 && left.size > 0 ? 1 : 0;
  const maint = ({ name }: ProxyServer): { module: string; text: string } => ({
    module,
    text: `set server ${backend}/${name} state maint`,
  });
  const first = leaving.slice(0, countFirst);
  plan.prepare.push(...first.map(maint));
  plan.retire.push(...leaving.slice(countFirst).map(maint));
  // Those that have never been used first: what a server has begun under its old address may still be under way.
  const byUse = [...free.toSorted((a, b) => Number(a.port !== 1) - Number(b.port !== 1)), ...first];
  for (const [at, { address, port, weight }] of [...left.values()].slice(0, byUse.length).entries()) {
    const server = `${backend}/${byUse[at]?.name ?? ''}`;
    plan.prepare.push(
      { module, text: `set server ${server} addr ${address} port ${port}` },
      { module, text: `set server ${server} weight ${weight}` },
    );
    plan.weigh.push({ module, text: `set server ${server} state ready` }, { module, text: `enable health ${server}` });
  }
  return Math.max(0, left.size - byUse.length);
}
