import type { ResourceHandle, WitValue } from '@hotswap/core';
import type { ResourceValue, WitType } from '../binding.d.ts';

/** Where a resource lives: its instance frees it. @internal */
export interface ResourceOwner {
  dropResource(resource: ResourceValue): void;
}

/** Replaces the addon's plain resource values within a value. @internal */
export type ValueWrapper = (value: unknown, owner: ResourceOwner) => WitValue;

interface Abandoned {
  readonly value: ResourceValue;
  readonly owner: ResourceOwner;
}

/** Drops what nobody can reach any more, so that a long-lived instance does not fill up; when is up to the collector. */
const abandoned = new FinalizationRegistry<Abandoned>(({ value, owner }) => {
  owner.dropResource(value);
});

/**
 * A guest's resource in the hands of the host: pass it where the function wants it, and dispose of it when it is no longer
 * needed. What is never disposed goes with its last reference, at the latest with its instance.
 * @internal
 */
export class WasmtimeResource implements ResourceHandle {
  readonly resourceType: string;
  /** Read by the addon when the handle is an argument. */
  readonly $resource: ResourceValue['$resource'];
  readonly #owner: ResourceOwner;
  #disposed = false;

  constructor(value: ResourceValue, resourceType: string, owner: ResourceOwner) {
    this.$resource = value.$resource;
    this.resourceType = resourceType;
    this.#owner = owner;
    abandoned.register(this, { value, owner }, this);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    abandoned.unregister(this);
    this.#owner.dropResource(this);
  }
}

/** The wrapper for a function's results, or `undefined` when they hold no resource. @internal */
export function resultWrapper(results: readonly WitType[]): ValueWrapper | undefined {
  const [only] = results;
  if (only === undefined || results.length > 1) return undefined;
  // A result at the top has been unpacked already: ok is the value, err is an error.
  return wrapperOf(only.kind === 'result' ? only.ok : only);
}

function wrapperOf(type: WitType | undefined): ValueWrapper | undefined {
  switch (type?.kind) {
    case 'own':
    case 'borrow':
      return (value, owner) => new WasmtimeResource(value as ResourceValue, type.resource, owner);
    case 'list':
      return elements(wrapperOf(type.element));
    case 'tuple':
      return tuple(type.items.map(wrapperOf));
    case 'record':
      return fields(type.fields.map((field) => [camelCase(field.name), wrapperOf(field.type)]));
    case 'option':
      return optional(type.some);
    case 'variant':
      return cases(new Map(type.cases.map((item) => [item.name, wrapperOf(item.type)])));
    case 'result':
      return cases(
        new Map([
          ['ok', wrapperOf(type.ok)],
          ['err', wrapperOf(type.err)],
        ]),
      );
    default:
      return undefined;
  }
}

function elements(inner: ValueWrapper | undefined): ValueWrapper | undefined {
  return inner && ((value, owner) => (value as readonly unknown[]).map((item) => inner(item, owner)));
}

function tuple(inners: readonly (ValueWrapper | undefined)[]): ValueWrapper | undefined {
  if (inners.every((inner) => inner === undefined)) return undefined;
  return (value, owner) =>
    (value as readonly unknown[]).map((item, at) => inners[at]?.(item, owner) ?? (item as WitValue));
}

function fields(inners: readonly (readonly [string, ValueWrapper | undefined])[]): ValueWrapper | undefined {
  const wrapped = inners.filter((entry): entry is readonly [string, ValueWrapper] => entry[1] !== undefined);
  if (wrapped.length === 0) return undefined;
  return (value, owner) => {
    const record = { ...(value as Readonly<Record<string, WitValue>>) };
    for (const [name, inner] of wrapped) record[name] = inner(record[name], owner);
    return record;
  };
}

function optional(some: WitType): ValueWrapper | undefined {
  const inner = wrapperOf(some);
  // Options of options are `{ tag, val }`, single ones the value itself.
  if (some.kind === 'option') return cases(new Map([['some', inner]]));
  return inner && ((value, owner) => (value === undefined ? undefined : inner(value, owner)));
}

function cases(inners: ReadonlyMap<string, ValueWrapper | undefined>): ValueWrapper | undefined {
  if ([...inners.values()].every((inner) => inner === undefined)) return undefined;
  return (value, owner) => {
    const { tag, val } = value as { readonly tag: string; readonly val?: WitValue };
    const inner = inners.get(tag);
    return inner === undefined ? (value as WitValue) : { tag, val: inner(val, owner) };
  };
}

function camelCase(name: string): string {
  return name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
