import { ChangeList, diffFunctions, diffInterfaces, type Direction } from './diff-interfaces.ts';
import type { InterfaceChange } from './interface-change.ts';
import { byBase, counterpart } from './item-counterpart.ts';
import { isLive, liveDefinitions } from './live-definitions.ts';
import { diffResourceOrigins } from './resource-origins.ts';
import { TypeDiffer } from './type-differ.ts';
import { bodyText, functionText } from './type-text.ts';
import type { WitDefinition, WitWorld, WitWorldItem } from './wit-document.ts';

/** How worlds are compared. @public */
export interface DiffWorldsOptions {
  /**
   * Whether the host satisfies an import, whatever of it is asked for, by its id: what is new there is `additive` then,
   * else `breaking`. Default: it satisfies nothing but what the old world imports.
   */
  readonly satisfies?: (importId: string) => boolean;
}

/**
 * What changes when a component of one world is replaced by one of another. It must export at least as much, and import
 * at most what is there. Versions of a package count as the same within one compatible range.
 * @public
 */
export function diffWorlds(
  before: WitWorld,
  after: WitWorld,
  options: DiffWorldsOptions = {},
): readonly InterfaceChange[] {
  const differ = new TypeDiffer();
  return [...diffExports(before, after, differ), ...diffImports(before, after, differ, options)];
}

function diffExports(before: WitWorld, after: WitWorld, differ: TypeDiffer): readonly InterfaceChange[] {
  const list = new ChangeList('export');
  const matched = new Set<string>();
  const index = byBase(after.exports);
  for (const [key, old] of before.exports) {
    const found = counterpart(key, after.exports, index);
    const path = pathOf(before, key, old);
    if (found === null) {
      list.add('breaking', `${old.kind}-removed`, path, textOf(key, old), null);
      continue;
    }
    matched.add(found.key);
    if (!found.isCompatible) list.add('breaking', 'package-major-changed', path, key, found.key);
    else {
      const { item } = found;
      list.addAll(diffItems(path, old, item, 'export', differ));
      if (old.kind === 'interface' && item.kind === 'interface')
        diffResourceOrigins(list, { ...old, exports: before.exports }, { ...item, exports: after.exports });
    }
  }
  for (const [key, now] of after.exports)
    if (!matched.has(key)) list.add('additive', `${now.kind}-added`, pathOf(after, key, now), null, textOf(key, now));
  return list.changes;
}

function diffImports(
  before: WitWorld,
  after: WitWorld,
  differ: TypeDiffer,
  { satisfies = () => false }: DiffWorldsOptions,
): readonly InterfaceChange[] {
  const list = new ChangeList('import');
  const matched = new Set<string>();
  const index = byBase(before.imports);
  const live = liveDefinitions(after);
  for (const [key, now] of after.imports) {
    const found = counterpart(key, before.imports, index);
    if (found?.isCompatible === true) {
      matched.add(found.key);
      const path = pathOf(before, found.key, found.item);
      const changes = diffItems(path, found.item, now, 'import', differ, live);
      list.addAll(satisfies(key) ? changes.map(satisfied) : changes);
      continue;
    }
    const isIdle = now.kind === 'interface' && !isLive(now.interface, live);
    const severity = isIdle ? 'info' : satisfies(key) ? 'additive' : 'breaking';
    list.add(severity, 'import-added', pathOf(after, key, now), found?.key ?? null, textOf(key, now));
  }
  for (const [key, old] of before.imports)
    if (!matched.has(key)) list.add('info', 'import-removed', pathOf(before, key, old), textOf(key, old), null);
  return list.changes;
}

/** A host that gives the whole interface gives what is asked for in addition. */
function satisfied(change: InterfaceChange): InterfaceChange {
  return change.severity === 'breaking' ? { ...change, severity: 'additive' } : change;
}

function diffItems(
  path: string,
  before: WitWorldItem,
  after: WitWorldItem,
  direction: Direction,
  differ: TypeDiffer,
  live: ReadonlySet<WitDefinition> | null = null,
): readonly InterfaceChange[] {
  if (before.kind === 'interface' && after.kind === 'interface')
    return diffInterfaces(before.interface, after.interface, direction, differ, live);
  if (before.kind === 'function' && after.kind === 'function')
    return diffFunctions(path, before.function, after.function, direction, differ);
  const list = new ChangeList(direction);
  if (before.kind === 'type' && after.kind === 'type')
    list.inner(path, differ.definitions(before.definition, after.definition));
  else list.add('breaking', 'kind-changed', path, before.kind, after.kind);
  return list.changes;
}

function textOf(key: string, item: WitWorldItem): string {
  switch (item.kind) {
    case 'interface':
      return key;
    case 'function':
      return functionText(item.function);
    case 'type':
      return bodyText(item.definition.body);
  }
}

/** Components have a world without a name of its own. */
function pathOf(world: WitWorld, key: string, item: WitWorldItem): string {
  const owner = world.id.startsWith('root:component/') ? '' : world.id;
  switch (item.kind) {
    case 'interface':
      return key;
    case 'function':
      return `${owner}#${key}`;
    case 'type':
      return `${owner}#type(${key})`;
  }
}
