import { ChangeList, diffFunctions, diffInterfaces } from './diff-interfaces.ts';
import type { InterfaceChange } from './interface-change.ts';
import { byBase, counterpart } from './item-counterpart.ts';
import { diffResourceOrigins } from './resource-origins.ts';
import { TypeDiffer } from './type-differ.ts';
import type { WitInterface, WitPackage, WitWorld, WitWorldItem } from './wit-document.ts';

/**
 * What changes between two versions of a WIT package for whoever calls or implements it. Worlds are contracts with hosts:
 * one that offers more imports or asks for fewer exports takes the components of before.
 * @public
 */
export function diffPackages(before: WitPackage, after: WitPackage): readonly InterfaceChange[] {
  const differ = new TypeDiffer();
  const list = new ChangeList('export');
  for (const [name, old] of before.interfaces) {
    const now = after.interfaces.get(name);
    if (now === undefined) list.add('breaking', 'interface-removed', old.id, old.id, null);
    else list.addAll(diffInterfaces(old, now, 'export', differ));
  }
  for (const [name, now] of after.interfaces)
    if (!before.interfaces.has(name)) list.add('additive', 'interface-added', now.id, null, now.id);
  for (const [name, old] of before.worlds) {
    const now = after.worlds.get(name);
    if (now === undefined) list.add('breaking', 'world-removed', old.id, old.id, null);
    else list.addAll(diffContracts(old, now, differ));
  }
  for (const [name, now] of after.worlds)
    if (!before.worlds.has(name)) list.add('additive', 'world-added', now.id, null, now.id);
  return list.changes;
}

/** A world as components meet it: imports are offered to them, exports asked of them. */
function diffContracts(before: WitWorld, after: WitWorld, differ: TypeDiffer): readonly InterfaceChange[] {
  const find = {
    oldImport: finder(before.imports),
    newImport: finder(after.imports),
    oldExport: finder(before.exports),
    newExport: finder(after.exports),
  };
  const imports = new ChangeList('import');
  for (const [key, item] of before.imports) {
    const now = find.newImport(key);
    const path = `${before.id}.import(${key})`;
    if (now === null) imports.add('breaking', 'import-removed', path, key, null);
    else imports.addAll(diffOwn(path, item, now, 'import', differ));
  }
  for (const key of after.imports.keys())
    if (find.oldImport(key) === null) imports.add('additive', 'import-added', `${before.id}.import(${key})`, null, key);
  const exports = new ChangeList('export');
  for (const [key, item] of after.exports) {
    const old = find.oldExport(key);
    const path = `${before.id}.export(${key})`;
    if (old === null) exports.add('breaking', `${item.kind}-added`, path, null, key);
    else {
      exports.addAll(diffOwn(path, old, item, 'export', differ));
      if (old.kind === 'interface' && item.kind === 'interface')
        diffResourceOrigins(exports, { ...old, exports: before.exports }, { ...item, exports: after.exports });
    }
  }
  for (const [key, item] of before.exports)
    if (find.newExport(key) === null)
      exports.add('info', `${item.kind}-removed`, `${before.id}.export(${key})`, key, null);
  return [...imports.changes, ...exports.changes];
}

/** Interfaces of packages are compared where they are defined. */
function diffOwn(
  path: string,
  before: WitWorldItem,
  after: WitWorldItem,
  direction: InterfaceChange['direction'],
  differ: TypeDiffer,
): readonly InterfaceChange[] {
  if (before.kind === 'function' && after.kind === 'function')
    return diffFunctions(path, before.function, after.function, direction, differ);
  if (before.kind === 'interface' && after.kind === 'interface' && !before.interface.id.includes('/'))
    return diffInlineInterfaces(before.interface, after.interface, direction, differ);
  const list = new ChangeList(direction);
  if (before.kind === 'type' && after.kind === 'type')
    list.inner(path, differ.definitions(before.definition, after.definition));
  else if (before.kind !== after.kind) list.add('breaking', 'kind-changed', path, before.kind, after.kind);
  return list.changes;
}

/** What is asked of components as exports they have to have: more of it breaks them, as more imports would break a host. */
function diffInlineInterfaces(
  before: WitInterface,
  after: WitInterface,
  direction: InterfaceChange['direction'],
  differ: TypeDiffer,
): readonly InterfaceChange[] {
  const changes = diffInterfaces(before, after, direction === 'export' ? 'import' : 'export', differ);
  return changes.map((change) => ({ ...change, direction }));
}

type Items = ReadonlyMap<string, WitWorldItem>;

/** Looks items up by their names, within one compatible range. */
function finder(items: Items): (key: string) => WitWorldItem | null {
  const index = byBase(items);
  return (key) => {
    const found = counterpart(key, items, index);
    return found?.isCompatible === true ? found.item : null;
  };
}
