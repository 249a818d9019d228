import type { ModuleDescription, ModuleHttp } from '@hotswap/core';
import {
  diffWorlds,
  functionOfPath,
  interfaceNameOf,
  interfaceOfPath,
  worldOf,
  type InterfaceChange,
  type WitPackage,
  type WitWorld,
  type WitWorldItem,
} from '@hotswap/interfaces';
import type { AffectedConsumerView } from '@hotswap/protocol';
import type { FunctionCaller, InterfaceConsumer } from '../ports/interface-store.ts';

/** More places say no more. */
const maxPaths = 20;

/** The changes that a caller of functions trips over. @internal */
export function affectedCallers(
  old: ModuleDescription,
  changes: readonly InterfaceChange[],
  callers: readonly FunctionCaller[],
): readonly AffectedConsumerView[] {
  const breaking = changes.filter(isBreakingExport);
  const bySubject = new Map<string, Set<string>>();
  for (const { subject, functionName } of callers) {
    const called = fullNameOf(old, functionName);
    if (called === null) continue;
    const hit = breaking.filter(({ path }) => touches(path, called)).map(({ path }) => path);
    if (hit.length === 0) continue;
    const paths = bySubject.get(subject) ?? new Set<string>();
    for (const path of hit) paths.add(path);
    bySubject.set(subject, paths);
  }
  return [...bySubject].map(([name, paths]) => ({ kind: 'caller', name, paths: [...paths].slice(0, maxPaths) }));
}

/** What a declared consumer trips over: of the interfaces that it was built for, in the words of the version it names. @internal */
export function affectedDeclared(
  old: WitWorld,
  now: WitWorld,
  consumers: readonly (InterfaceConsumer & { readonly root: WitPackage })[],
): readonly AffectedConsumerView[] {
  return consumers.flatMap(({ consumer, name, version, uses, root }) => {
    const offered = new Set([...old.exports.keys()].map((key) => interfaceNameOf(key).base));
    const wanted = [...root.interfaces.values()].filter(({ id }) => offered.has(interfaceNameOf(id).base));
    const exports = new Map<string, WitWorldItem>(
      wanted.map((each) => [each.id, { kind: 'interface', interface: each }]),
    );
    const changes = diffWorlds(worldWith(exports), { ...now, imports: new Map() });
    const paths = changes
      .filter(isBreakingExport)
      .map(({ path }) => path)
      .filter((path) => isUsedBy(path, uses));
    return paths.length === 0
      ? []
      : [{ kind: 'declared' as const, name: `${consumer} (${name}@${version})`, paths: paths.slice(0, maxPaths) }];
  });
}

/** What another live module trips over whose imports the old version satisfied. @internal */
export function affectedImporters(
  old: WitWorld,
  now: WitWorld,
  importers: readonly { readonly moduleId: string; readonly description: ModuleDescription }[],
): readonly AffectedConsumerView[] {
  const offered = new Set([...old.exports.keys()].map((key) => interfaceNameOf(key).base));
  return importers.flatMap(({ moduleId, description }) => {
    const world = worldOf(description);
    if (world === null) return [];
    const wanted = [...world.imports].filter(
      ([key, item]) =>
        item.kind === 'interface' && item.interface.functions.size > 0 && offered.has(interfaceNameOf(key).base),
    );
    if (wanted.length === 0) return [];
    const changes = diffWorlds(worldWith(new Map(wanted)), { ...now, imports: new Map() });
    const paths = changes.filter(isBreakingExport).map(({ path }) => path);
    return paths.length === 0 ? [] : [{ kind: 'module' as const, name: moduleId, paths: paths.slice(0, maxPaths) }];
  });
}

/** Clients of a module that serves HTTP and shall no longer. @internal */
export function affectedHttp(old: ModuleHttp | null, now: ModuleHttp | null): readonly AffectedConsumerView[] {
  if (old === null || now !== null) return [];
  const where = old.hosts.length === 0 ? old.pathPrefix : `${old.hosts.join(', ')}${old.pathPrefix}`;
  return [{ kind: 'http', name: `clients of ${where}`, paths: ['http'] }];
}

function isBreakingExport({ severity, direction }: InterfaceChange): boolean {
  return severity === 'breaking' && direction === 'export';
}

function worldWith(exports: ReadonlyMap<string, WitWorldItem>): WitWorld {
  return { id: 'root:component/root', name: 'root', imports: new Map(), exports };
}

/** `-` and `_` are the same to callers, and a function of an interface may be called without it. */
const plain = (name: string): string => name.replaceAll('-', '_');

/** The whole name of the function that a caller means; `null`: the version has none of that name. */
function fullNameOf({ functions, isCommand }: ModuleDescription, called: string): string | null {
  const wanted = plain(isCommand && called === 'run' ? '_start' : called);
  const found = functions.find(
    ({ name }) => plain(name) === wanted || plain(name.slice(name.lastIndexOf('#') + 1)) === wanted,
  );
  return found?.name ?? null;
}

function touches(path: string, called: string): boolean {
  const hash = called.indexOf('#');
  const ofCalled = {
    interface: hash < 0 ? '' : interfaceNameOf(called.slice(0, hash)).base,
    name: called.slice(hash + 1),
  };
  if (interfaceOfPath(path) !== ofCalled.interface) return false;
  const name = functionOfPath(path);
  // A whole interface that goes takes its functions with it; a type alone is told of by the functions that use it.
  return name === null ? !path.includes('#') && ofCalled.interface !== '' : name === ofCalled.name;
}

/** Whether a place is in what somebody uses: `resize` or `resize#scale`; nothing stands for everything. @internal */
export function isUsedBy(path: string, uses: readonly string[]): boolean {
  if (uses.length === 0) return true;
  const name = interfaceOfPath(path).split('/')[1] ?? '';
  const called = functionOfPath(path);
  return uses.some((use) => {
    const [ofUse, functionName] = use.split('#');
    return ofUse === name && (functionName === undefined || called === null || called === functionName);
  });
}
