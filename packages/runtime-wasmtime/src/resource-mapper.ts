import type { WitType } from '../binding.d.ts';
import { camelCase } from './camel-case.ts';

/** Type of a resource within a value. @internal */
export type ResourceType = Extract<WitType, { readonly resource: string }>;

/** Replaces the resources within a value of one type. @internal */
export type ResourceMapper<Context> = (value: unknown, context: Context) => unknown;

/** What becomes of one resource. @internal */
export type ResourceLeaf<Context> = (value: unknown, type: ResourceType, context: Context) => unknown;

/**
 * Compiles the way to the resources of a type, once per function. `undefined` for types that have none, which are most.
 * @internal
 */
export function resourceMapper<Context>(
  type: WitType | undefined,
  leaf: ResourceLeaf<Context>,
): ResourceMapper<Context> | undefined {
  const mapperOf = (inner: WitType | undefined): ResourceMapper<Context> | undefined => resourceMapper(inner, leaf);
  switch (type?.kind) {
    case 'own':
    case 'borrow':
      return (value, context) => leaf(value, type, context);
    case 'list':
      return elements(mapperOf(type.element));
    case 'tuple':
      return tuple(type.items.map(mapperOf));
    case 'record':
      return fields(type.fields.map((field) => [camelCase(field.name), mapperOf(field.type)]));
    case 'option':
      return optional(type.some, mapperOf(type.some));
    case 'variant':
      return cases(new Map(type.cases.map((item) => [item.name, mapperOf(item.type)])));
    case 'result':
      return cases(
        new Map([
          ['ok', mapperOf(type.ok)],
          ['err', mapperOf(type.err)],
        ]),
      );
    default:
      return undefined;
  }
}

// What has not the shape of its type is left as it is: the addon refuses it, and says where.
type Inner<Context> = ResourceMapper<Context> | undefined;

function elements<Context>(inner: Inner<Context>): Inner<Context> {
  return inner && ((value, context) => (Array.isArray(value) ? value.map((item) => inner(item, context)) : value));
}

function tuple<Context>(inners: readonly Inner<Context>[]): Inner<Context> {
  if (inners.every((inner) => inner === undefined)) return undefined;
  return (value, context) =>
    Array.isArray(value)
      ? value.map((item: unknown, at) => {
          const inner = inners[at];
          return inner === undefined ? item : inner(item, context);
        })
      : value;
}

function fields<Context>(inners: readonly (readonly [string, Inner<Context>])[]): Inner<Context> {
  const mapped = inners.filter((entry): entry is readonly [string, ResourceMapper<Context>] => entry[1] !== undefined);
  if (mapped.length === 0) return undefined;
  return (value, context) => {
    if (!isObject(value)) return value;
    const record = { ...(value as Readonly<Record<string, unknown>>) };
    for (const [name, inner] of mapped) record[name] = inner(record[name], context);
    return record;
  };
}

function optional<Context>(some: WitType, inner: Inner<Context>): Inner<Context> {
  // Options of options are `{ tag, val }`, single ones the value itself.
  if (some.kind === 'option') return cases(new Map([['some', inner]]));
  return inner && ((value, context) => (value === undefined || value === null ? undefined : inner(value, context)));
}

function cases<Context>(inners: ReadonlyMap<string, Inner<Context>>): Inner<Context> {
  if ([...inners.values()].every((inner) => inner === undefined)) return undefined;
  return (value, context) => {
    if (!isObject(value)) return value;
    const { tag, val } = value as { readonly tag: string; readonly val?: unknown };
    const inner = inners.get(tag);
    return inner === undefined ? value : { tag, val: inner(val, context) };
  };
}

function isObject(value: unknown): boolean {
  return value !== null && typeof value === 'object';
}
