import type { HotSwapError, Route } from '@hotswap/core';
import { chooseBackends } from './choose-backends.ts';
import { planServers } from './plan-servers.ts';
import { escaped, type ProxyCommands, type ProxyPlan } from './proxy-command.ts';
import type { ProxyState } from './proxy-state.ts';
import { formatEntry, parseEntry } from './route-entry.ts';
import { wantedModule } from './wanted-module.ts';

/** Stands for the backend of a version that takes no traffic. */
const noBackend = 'none';

/** A plan, and the modules that it leaves out. @internal */
export interface PlannedProxy {
  readonly plan: ProxyPlan;
  /** Why modules do not fit, by `tenant/name`. HAProxy goes on with them as it does: the plan has nothing of them. */
  readonly misfits: ReadonlyMap<string, HotSwapError>;
  /** Modules some of whose nodes find a place only in the next plan, when others have gone. */
  readonly unfinished: ReadonlySet<string>;
}

/**
 * Compares what the routes of public modules ask for with what HAProxy does, module by module: one that does not fit
 * holds up no other. Nothing to do: four empty lists. Pure.
 * @internal
 */
export function planProxy(routes: readonly Route[], state: ProxyState, mapFile: string): PlannedProxy {
  const wanted = routes.map((route) => wantedModule(route, state.map)).filter((module) => module !== null);
  const { backendOf, misfits } = chooseBackends(wanted, state);
  const present = [...state.map].map(([key, value]) => ({ key, value, ...parseEntry(value) }));
  const named = new Set(present.flatMap(({ versions }) => versions.map(({ backend }) => backend)));
  const kept = present.filter(({ name }) => misfits.has(name));
  const used = new Set([
    ...backendOf.values(),
    ...kept.flatMap(({ versions }) => versions.map(({ backend }) => backend)),
  ]);
  const plan: ProxyCommands = { prepare: [], weigh: [], map: [], retire: [] };
  const unfinished = new Set<string>();
  const entries = new Map(kept.map(({ key, name, value }) => [key, { module: name, value }]));
  for (const { name, keys, ...module } of wanted) {
    if (misfits.has(name)) continue;
    const versions = module.versions.map((version) => ({ ...version, backend: backendOf.get(version) ?? noBackend }));
    const value = formatEntry({ name, versions });
    for (const key of keys) entries.set(key, { module: name, value });
    for (const { key, rank, releaseId } of module.matches) {
      const backend = versions.find((version) => version.releaseId === releaseId)?.backend ?? noBackend;
      const match = formatEntry({ name, versions: [{ end: rank, backend, releaseId }] });
      entries.set(key, { module: name, value: match });
    }
    for (const { backend, ...version } of versions) {
      const servers = state.backends.get(backend) ?? [];
      const left = planServers({ module: name, backend, servers, isNamed: named.has(backend) }, version, plan);
      if (left > 0) unfinished.add(name);
    }
  }
  planUnused(used, state, present, plan);
  planMap(entries, present, mapFile, plan);
  return { plan, misfits, unfinished };
}

type PresentEntry = ReturnType<typeof parseEntry> & { readonly key: string; readonly value: string };

/** Servers of backends that no version has. */
function planUnused(
  used: ReadonlySet<string>,
  { backends }: ProxyState,
  present: readonly PresentEntry[],
  plan: ProxyCommands,
): void {
  const namer = new Map(present.flatMap(({ name, versions }) => versions.map(({ backend }) => [backend, name])));
  for (const [backend, servers] of backends) {
    if (used.has(backend)) continue;
    const module = namer.get(backend) ?? null;
    for (const { name, isEnabled } of servers)
      if (isEnabled) plan.retire.push({ module, text: `set server ${backend}/${name} state maint` });
  }
}

function planMap(
  entries: ReadonlyMap<string, { readonly module: string; readonly value: string }>,
  present: readonly PresentEntry[],
  mapFile: string,
  plan: ProxyCommands,
): void {
  const now = new Map(present.map(({ key, value }) => [key, value]));
  for (const [key, { module, value }] of entries)
    if (now.get(key) !== value) {
      const verb = now.has(key) ? 'set' : 'add';
      plan.map.push({ module, text: `${verb} map ${mapFile} ${escaped(key)} ${escaped(value)}` });
    }
  for (const { key, name } of present)
    if (!entries.has(key)) plan.map.push({ module: name, text: `del map ${mapFile} ${escaped(key)}` });
}
