import type { ModuleDescription, ModuleExtern } from '@hotswap/core';
import { ChangeList } from './diff-interfaces.ts';
import type { InterfaceChange } from './interface-change.ts';

/** What a core module imports and exports. @public */
export type CoreShape = Pick<ModuleDescription, 'imports' | 'exports'>;

/** How core modules are compared. @public */
export interface DiffCoreOptions {
  /** Whether the host satisfies an import, by its name `module.name`. Default: what the old module imports. */
  readonly satisfies?: (importName: string) => boolean;
}

/**
 * What changes when one core module is replaced by another: names and types of imports and exports, by the subtyping of
 * WebAssembly. An exported memory may be larger than promised, an imported one may be asked to be smaller.
 * @public
 */
export function diffCoreModules(
  before: CoreShape,
  after: CoreShape,
  options: DiffCoreOptions = {},
): readonly InterfaceChange[] {
  return [...diffExports(before.exports, after.exports), ...diffImports(before.imports, after.imports, options)];
}

function diffExports(before: readonly ModuleExtern[], after: readonly ModuleExtern[]): readonly InterfaceChange[] {
  const list = new ChangeList('export');
  const now = byName(after);
  for (const old of before) {
    const found = now.get(old.name);
    const path = `#${old.name}`;
    if (found === undefined) list.add('breaking', removedKind(old), path, textOf(old), null);
    else if (!isSubtype(found, old)) list.add('breaking', 'extern-changed', path, textOf(old), textOf(found));
    else if (textOf(found) !== textOf(old)) list.add('info', 'extern-changed', path, textOf(old), textOf(found));
  }
  const known = byName(before);
  for (const each of after)
    if (!known.has(each.name)) list.add('additive', addedKind(each), `#${each.name}`, null, textOf(each));
  return list.changes;
}

function diffImports(
  before: readonly ModuleExtern[],
  after: readonly ModuleExtern[],
  { satisfies = () => false }: DiffCoreOptions,
): readonly InterfaceChange[] {
  const list = new ChangeList('import');
  const known = byName(before);
  for (const each of after) {
    const old = known.get(each.name);
    if (old === undefined)
      list.add(satisfies(each.name) ? 'additive' : 'breaking', 'import-added', each.name, null, textOf(each));
    else if (!isSubtype(old, each)) list.add('breaking', 'extern-changed', each.name, textOf(old), textOf(each));
  }
  const now = byName(after);
  for (const old of before) if (!now.has(old.name)) list.add('info', 'import-removed', old.name, textOf(old), null);
  return list.changes;
}

/** Whether `offered` can stand where `wanted` is asked for. */
function isSubtype(offered: ModuleExtern, wanted: ModuleExtern): boolean {
  if (offered.kind !== wanted.kind) return false;
  if (offered.kind !== 'memory' && offered.kind !== 'table') return offered.type === wanted.type;
  const [a, b] = [limitsOf(offered.type), limitsOf(wanted.type)];
  if (a === null || b === null) return offered.type === wanted.type;
  return a.rest === b.rest && a.min >= b.min && (b.max === null || (a.max !== null && a.max <= b.max));
}

interface Limits {
  readonly min: number;
  readonly max: number | null;
  /** Everything that has to be the same: element type, width, sharing. */
  readonly rest: string;
}

/** `at least 1 pages of 64 KiB` or `1 to 10 funcref`. */
function limitsOf(type: string | undefined): Limits | null {
  const found = /^(?:at least (\d+)|(\d+) to (\d+)) (.*)$/s.exec(type ?? '');
  if (found === null) return null;
  const [, atLeast, from, to, rest = ''] = found;
  return { min: Number(atLeast ?? from), max: to === undefined ? null : Number(to), rest };
}

function byName(externs: readonly ModuleExtern[]): ReadonlyMap<string, ModuleExtern> {
  return new Map(externs.map((each) => [each.name, each]));
}

const removedKind = ({ kind }: ModuleExtern): 'function-removed' | 'extern-removed' =>
  kind === 'function' ? 'function-removed' : 'extern-removed';
const addedKind = ({ kind }: ModuleExtern): 'function-added' | 'extern-added' =>
  kind === 'function' ? 'function-added' : 'extern-added';

function textOf({ kind, type }: ModuleExtern): string {
  return type === undefined ? kind : `${kind} ${type}`;
}
