import type { ChangeKind } from './interface-change.ts';
import { interfaceNameOf } from './interface-version.ts';
import { unaliased } from './type-scope.ts';
import { bodyText, expanded, functionText, typeText } from './type-text.ts';
import type { WitBody, WitDefinition, WitFunction, WitType } from './wit-document.ts';

/** A difference below some place: its path goes on from there. Differences of types always break. @internal */
export interface InnerChange {
  readonly kind: ChangeKind;
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
}

/** Types may multiply: what one of them can contribute is bounded. */
const maxChangesOfOne = 50;

type Named<Value> = { readonly name: string } & Value;

/** Compares types structurally, each pair of named ones once. @internal */
export class TypeDiffer {
  readonly #known = new Map<WitDefinition, Map<WitDefinition, readonly InnerChange[]>>();
  /** Definitions of the old side that were reached since the last {@link takeReached}. */
  #reached = new Set<WitDefinition>();

  takeReached(): ReadonlySet<WitDefinition> {
    const reached = this.#reached;
    this.#reached = new Set();
    return reached;
  }

  functions(before: WitFunction, after: WitFunction): readonly InnerChange[] {
    const changes: InnerChange[] = [];
    if (before.isAsync !== after.isAsync)
      changes.push({ kind: 'async-changed', path: '', before: functionText(before), after: functionText(after) });
    changes.push(...this.#params(before.params, after.params));
    changes.push(...this.#result(before.result, after.result));
    return changes;
  }

  /** Differences of two definitions with the same name. */
  definitions(before: WitDefinition, after: WitDefinition): readonly InnerChange[] {
    const [old, now] = [unaliased(before), unaliased(after)];
    if (old.body.kind !== 'resource' && now.body.kind !== 'resource')
      return this.types({ kind: 'named', definition: before }, { kind: 'named', definition: after }, 'type-changed');
    if (isSameResource(old, now)) return [];
    return [{ kind: 'type-changed', path: '', before: bodyText(old.body), after: bodyText(now.body) }];
  }

  /** Differences of two types; `kind` names the one that they are not alike at all. */
  types(before: WitType, after: WitType, kind: ChangeKind): readonly InnerChange[] {
    if (before.kind === 'named') this.#reached.add(before.definition);
    const [old, now] = [asHandle(expanded(before)), asHandle(expanded(after))];
    const other = (): readonly InnerChange[] => [{ kind, path: '', before: shown(before), after: shown(after) }];
    if (isHandle(old) && isHandle(now)) return this.#handles(old, now, other);
    if (old.kind === 'named' && now.kind === 'named') return this.#named(old.definition, now.definition, other);
    if (old.kind !== now.kind) return other();
    return this.#parts(old, now, kind, other);
  }

  #parts(old: WitType, now: WitType, kind: ChangeKind, other: () => readonly InnerChange[]): readonly InnerChange[] {
    const below = (path: string, a: WitType | null, b: WitType | null): readonly InnerChange[] =>
      at(path, this.#optional(a, b, kind));
    if (old.kind === 'plain' && now.kind === 'plain') return old.name === now.name ? [] : other();
    if (old.kind === 'list' && now.kind === 'list')
      return old.length === now.length ? below('.element', old.element, now.element) : other();
    if (old.kind === 'option' && now.kind === 'option') return below('.some', old.some, now.some);
    if (old.kind === 'result' && now.kind === 'result')
      return [...below('.ok', old.ok, now.ok), ...below('.err', old.err, now.err)];
    if (old.kind === 'map' && now.kind === 'map')
      return [...below('.key', old.key, now.key), ...below('.value', old.value, now.value)];
    if (old.kind === 'tuple' && now.kind === 'tuple')
      return old.items.length === now.items.length
        ? old.items.flatMap((item, i) => below(`.tuple[${i}]`, item, now.items[i] as WitType)).slice(0, maxChangesOfOne)
        : other();
    if ((old.kind === 'future' || old.kind === 'stream') && (now.kind === 'future' || now.kind === 'stream'))
      return below('.item', old.item, now.item);
    return other();
  }

  #optional(before: WitType | null, after: WitType | null, kind: ChangeKind): readonly InnerChange[] {
    if (before !== null && after !== null) return this.types(before, after, kind);
    if (before === after) return [];
    const text = (type: WitType | null): string | null => (type === null ? null : shown(type));
    return [{ kind, path: '', before: text(before), after: text(after) }];
  }

  #handles(old: Handle, now: Handle, other: () => readonly InnerChange[]): readonly InnerChange[] {
    if (!isSameResource(old.definition, now.definition)) return other();
    if (old.kind === now.kind) return [];
    return [{ kind: 'ownership-changed', path: '', before: typeText(old), after: typeText(now) }];
  }

  #named(old: WitDefinition, now: WitDefinition, other: () => readonly InnerChange[]): readonly InnerChange[] {
    this.#reached.add(old);
    if (old.body.kind !== now.body.kind) return other();
    const known = this.#known.get(old)?.get(now);
    if (known !== undefined) return known;
    const changes = at(`.${old.body.kind}(${old.name})`, this.#bodies(old.body, now.body)).slice(0, maxChangesOfOne);
    const ofOld = this.#known.get(old) ?? new Map<WitDefinition, readonly InnerChange[]>();
    this.#known.set(old, ofOld.set(now, changes));
    return changes;
  }

  #bodies(old: WitBody, now: WitBody): readonly InnerChange[] {
    if (old.kind === 'record' && now.kind === 'record')
      return this.#members('field', old.fields, now.fields, ({ type }) => type);
    if (old.kind === 'variant' && now.kind === 'variant')
      return this.#members('case', old.cases, now.cases, ({ type }) => type);
    if (old.kind === 'enum' && now.kind === 'enum') return this.#names('case', old.cases, now.cases);
    if (old.kind === 'flags' && now.kind === 'flags') return this.#names('flag', old.flags, now.flags);
    return [];
  }

  #names(noun: 'case' | 'flag', old: readonly string[], now: readonly string[]): readonly InnerChange[] {
    const named = (names: readonly string[]): readonly Named<object>[] => names.map((name) => ({ name }));
    return this.#members(noun, named(old), named(now), () => null);
  }

  #members<Value extends object>(
    noun: 'field' | 'case' | 'flag',
    old: readonly Named<Value>[],
    now: readonly Named<Value>[],
    typeOf: (member: Named<Value>) => WitType | null,
  ): readonly InnerChange[] {
    const [before, after] = [byName(old), byName(now)];
    const text = (member: Named<Value>): string => {
      const type = typeOf(member);
      return type === null ? member.name : shown(type);
    };
    const place = (name: string): string => `.${noun}[${name}]`;
    const changes: InnerChange[] = [];
    for (const member of old) {
      const other = after.get(member.name);
      if (other === undefined)
        changes.push({ kind: `${noun}-removed`, path: place(member.name), before: text(member), after: null });
      else if (noun !== 'flag')
        changes.push(...at(place(member.name), this.#optional(typeOf(member), typeOf(other), `${noun}-type-changed`)));
    }
    for (const member of now)
      if (!before.has(member.name))
        changes.push({ kind: `${noun}-added`, path: place(member.name), before: null, after: text(member) });
    return [...changes, ...reordered(`${noun}-reordered`, old, now)];
  }

  #params(old: WitFunction['params'], now: WitFunction['params']): readonly InnerChange[] {
    const [before, after] = [byName(old), byName(now)];
    const isRenamed = (i: number): boolean =>
      old.length === now.length && !after.has(old[i]?.name ?? '') && !before.has(now[i]?.name ?? '');
    const changes: InnerChange[] = [];
    for (const [i, param] of old.entries()) {
      const path = `.param[${i}:${param.name}]`;
      const other = isRenamed(i) ? now[i] : after.get(param.name);
      if (other === undefined) {
        changes.push({ kind: 'param-removed', path, before: shown(param.type), after: null });
        continue;
      }
      if (other.name !== param.name)
        changes.push({ kind: 'param-renamed', path, before: param.name, after: other.name });
      changes.push(...at(path, this.types(param.type, other.type, 'param-type-changed')));
    }
    for (const [i, param] of now.entries())
      if (!before.has(param.name) && !isRenamed(i))
        changes.push({
          kind: 'param-added',
          path: `.param[${i}:${param.name}]`,
          before: null,
          after: shown(param.type),
        });
    return [...changes, ...reordered('param-reordered', old, now)];
  }

  #result(before: WitType | null, after: WitType | null): readonly InnerChange[] {
    return at('.result', this.#optional(before, after, 'result-changed'));
  }
}

type Handle = WitType & { readonly kind: 'own' | 'borrow' };

function isHandle(type: WitType): type is Handle {
  return type.kind === 'own' || type.kind === 'borrow';
}

/** A resource by its name alone is owned. */
function asHandle(type: WitType): WitType {
  return type.kind === 'named' && type.definition.body.kind === 'resource'
    ? { kind: 'own', definition: type.definition }
    : type;
}

function isSameResource(before: WitDefinition, after: WitDefinition): boolean {
  const [old, now] = [unaliased(before), unaliased(after)];
  return (
    old.name === now.name &&
    interfaceNameOf(old.owner).base === interfaceNameOf(now.owner).base &&
    old.body.kind === now.body.kind
  );
}

/** Longer texts say no more than their beginning. */
const maxShownLength = 200;

function shown(type: WitType): string {
  const text =
    type.kind === 'named' && type.definition.body.kind !== 'resource'
      ? `${type.definition.name}: ${bodyText(unaliased(type.definition).body)}`
      : typeText(type);
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}

function at(path: string, changes: readonly InnerChange[]): readonly InnerChange[] {
  return changes.map((change) => ({ ...change, path: path + change.path }));
}

function byName<Item extends { readonly name: string }>(items: readonly Item[]): ReadonlyMap<string, Item> {
  return new Map(items.map((item) => [item.name, item]));
}

/** Members of both sides that stand in another order. */
function reordered(
  kind: ChangeKind,
  old: readonly { readonly name: string }[],
  now: readonly { readonly name: string }[],
): readonly InnerChange[] {
  const [before, after] = [byName(old), byName(now)];
  const common = old.filter(({ name }) => after.has(name)).map(({ name }) => name);
  const later = now.filter(({ name }) => before.has(name)).map(({ name }) => name);
  if (common.every((name, i) => name === later[i])) return [];
  return [{ kind, path: '', before: listed(common), after: listed(later) }];
}

function listed(names: readonly string[]): string {
  const text = names.join(', ');
  return text.length > maxShownLength ? `${text.slice(0, maxShownLength)}…` : text;
}
