import type { ChangeKind, ChangeSeverity, InterfaceChange } from './interface-change.ts';
import type { TypeDiffer } from './type-differ.ts';
import { type InnerChange } from './type-differ.ts';
import { bodyText, functionText } from './type-text.ts';
import type { WitDefinition, WitFunction, WitInterface } from './wit-document.ts';

/** Side of the module. @internal */
export type Direction = InterfaceChange['direction'];

/**
 * Compares two versions of one interface. `live`: types that the importer carries; what it does not carry it does not ask
 * for. `null`: all.
 * @internal
 */
export function diffInterfaces(
  before: WitInterface,
  after: WitInterface,
  direction: Direction,
  differ: TypeDiffer,
  live: ReadonlySet<WitDefinition> | null = null,
): readonly InterfaceChange[] {
  const list = new ChangeList(direction);
  differ.takeReached();
  for (const [name, old] of before.functions) {
    const now = after.functions.get(name);
    const path = `${before.id}#${name}`;
    if (now === undefined) list.gone('function-removed', path, functionText(old));
    else list.addAll(diffFunctions(path, old, now, direction, differ));
  }
  for (const [name, now] of after.functions)
    if (!before.functions.has(name)) list.more('function-added', `${before.id}#${name}`, functionText(now));
  diffTypes(list, before, after, differ, (type) => live?.has(type) ?? true);
  return list.changes;
}

function diffTypes(
  list: ChangeList,
  before: WitInterface,
  after: WitInterface,
  differ: TypeDiffer,
  isLive: (type: WitDefinition) => boolean,
): void {
  const reached = differ.takeReached();
  for (const [name, old] of before.types) {
    const path = `${before.id}#type(${name})`;
    const now = after.types.get(name);
    if (now === undefined) list.gone('type-removed', path, bodyText(old.body));
    else if (!reached.has(old)) list.inner(path, differ.definitions(old, now), isLive(now) ? 'breaking' : 'info');
  }
  for (const [name, now] of after.types) {
    if (before.types.has(name)) continue;
    const path = `${before.id}#type(${name})`;
    if (isLive(now)) list.more('type-added', path, bodyText(now.body));
    else list.add('info', 'type-added', path, null, bodyText(now.body));
  }
}

/** Compares two versions of one function. @internal */
export function diffFunctions(
  path: string,
  before: WitFunction,
  after: WitFunction,
  direction: Direction,
  differ: TypeDiffer,
): readonly InterfaceChange[] {
  const list = new ChangeList(direction);
  list.inner(path, differ.functions(before, after));
  if (before.deprecatedSince === null && after.deprecatedSince !== null)
    list.add('info', 'deprecated', path, null, `deprecated since ${after.deprecatedSince}`);
  return list.changes;
}

/** Longer texts say no more than their beginning. */
const maxTextLength = 400;
/** What is reported of one pair at most: nobody reads further, and hostile texts end here. */
const maxChanges = 2_000;

/** Gathers changes of one direction. @internal */
export class ChangeList {
  readonly #direction: Direction;
  readonly #changes: InterfaceChange[] = [];

  constructor(direction: Direction) {
    this.#direction = direction;
  }

  get changes(): readonly InterfaceChange[] {
    return this.#changes;
  }

  add(severity: ChangeSeverity, kind: ChangeKind, path: string, before: string | null, after: string | null): void {
    if (this.#changes.length >= maxChanges) return;
    const cut = (text: string | null): string | null =>
      text !== null && text.length > maxTextLength ? `${text.slice(0, maxTextLength)}…` : text;
    this.#changes.push({ severity, kind, direction: this.#direction, path, before: cut(before), after: cut(after) });
  }

  addAll(changes: readonly InterfaceChange[]): void {
    this.#changes.push(...changes.slice(0, maxChanges - this.#changes.length));
  }

  /** What is offered less breaks callers; what is asked less breaks nobody. */
  gone(kind: ChangeKind, path: string, before: string): void {
    this.add(this.#direction === 'export' ? 'breaking' : 'info', kind, path, before, null);
  }

  /** What is offered more helps; what is asked more somebody has to give. */
  more(kind: ChangeKind, path: string, after: string): void {
    this.add(this.#direction === 'export' ? 'additive' : 'breaking', kind, path, null, after);
  }

  inner(path: string, changes: readonly InnerChange[], severity: ChangeSeverity = 'breaking'): void {
    for (const change of changes) this.add(severity, change.kind, path + change.path, change.before, change.after);
  }
}
