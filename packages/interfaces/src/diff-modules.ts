import type { ModuleDescription } from '@hotswap/core';
import { diffCoreModules } from './diff-core-modules.ts';
import { ChangeList } from './diff-interfaces.ts';
import { diffWorlds } from './diff-worlds.ts';
import type { InterfaceChange } from './interface-change.ts';
import { readWit } from './read-wit.ts';
import type { WitWorld } from './wit-document.ts';

/** What is told of a module without running it: enough to compare it. @public */
export type ModuleShape = Pick<ModuleDescription, 'kind' | 'imports' | 'exports' | 'functions' | 'wit'>;

/** How modules are compared. @public */
export interface DiffModulesOptions {
  /** Whether the host satisfies an import, by its name. Default: what the old module imports. */
  readonly satisfies?: (importName: string) => boolean;
}

/**
 * What changes for callers and hosts when one module is replaced by another: components by their worlds, core modules by
 * the types of imports and exports.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE
 * @public
 */
export function diffModules(
  before: ModuleShape,
  after: ModuleShape,
  options: DiffModulesOptions = {},
): readonly InterfaceChange[] {
  if (before.kind !== after.kind) return diffKinds(before, after);
  const [old, now] = [worldOf(before), worldOf(after)];
  return old === null || now === null ? diffCoreModules(before, after, options) : diffWorlds(old, now, options);
}

/**
 * World of a component; `null` for core modules.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE
 * @public
 */
export function worldOf({ kind, wit }: Pick<ModuleShape, 'kind' | 'wit'>): WitWorld | null {
  if (kind === 'core' || wit === undefined) return null;
  const { worlds } = readWit(wit).root;
  return worlds.get('root') ?? [...worlds.values()][0] ?? null;
}

/** Callers by function name may go on where the name is there; everything typed has to change. */
function diffKinds(before: ModuleShape, after: ModuleShape): readonly InterfaceChange[] {
  const list = new ChangeList('export');
  list.add('breaking', 'kind-changed', '#', before.kind, after.kind);
  const now = new Set(after.functions.map(({ name }) => name));
  for (const { name } of before.functions)
    if (!now.has(name)) list.add('breaking', 'function-removed', name.includes('#') ? name : `#${name}`, name, null);
  return list.changes;
}
