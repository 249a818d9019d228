import type { ChangeList } from './diff-interfaces.ts';
import { interfaceNameOf } from './interface-version.ts';
import { typesOf, typesOfBody } from './type-parts.ts';
import type { WitDefinition, WitInterface, WitType, WitWorld } from './wit-document.ts';

/** A resource that an exported interface speaks of, and which side of the world it comes from. */
interface ResourceOrigin {
  /** Type of the interface by which it is reached first. */
  readonly through: string;
  readonly resource: WitDefinition;
  readonly side: 'import' | 'export';
}

/** An interface among the exports that it belongs to. @internal */
export interface ExportedInterface {
  readonly interface: WitInterface;
  readonly exports: WitWorld['exports'];
}

/**
 * Tells of resources that an exported interface takes from an import now, and from an export before, or the other way
 * round: for callers these are two resources, and a handle of one is none of the other.
 * @internal
 */
export function diffResourceOrigins(list: ChangeList, before: ExportedInterface, after: ExportedInterface): void {
  if (before.interface.dependencies.length === 0 || after.interface.dependencies.length === 0) return;
  const now = originsOf(after);
  for (const [key, old] of originsOf(before)) {
    const found = now.get(key);
    if (found === undefined || found.side === old.side) continue;
    const path = `${before.interface.id}#type(${old.through})`;
    list.add('breaking', 'type-changed', path, originText(old), originText(found));
  }
}

/**
 * Resources that the types of an exported interface are made of, by their names without versions. One of another
 * interface is the component's own where that one is exported too.
 */
function originsOf({ interface: { id, types }, exports }: ExportedInterface): ReadonlyMap<string, ResourceOrigin> {
  const found = new Map<string, ResourceOrigin>();
  const seen = { import: new Set<WitDefinition>(), export: new Set<WitDefinition>() };
  const walk = (through: string, definition: WitDefinition, from: ResourceOrigin['side']): void => {
    const { owner, name, body } = definition;
    // What an imported interface uses is imported as well.
    const side = from === 'export' && (owner === id || exports.has(owner)) ? 'export' : 'import';
    if (seen[side].has(definition)) return;
    seen[side].add(definition);
    const key = `${interfaceNameOf(owner).base}#${name}`;
    if (body.kind === 'resource' && !found.has(key)) found.set(key, { through, resource: definition, side });
    for (const named of namesIn(typesOfBody(body))) walk(through, named, side);
  };
  for (const [name, definition] of types) walk(name, definition, 'export');
  return found;
}

/** Definitions that types name, without another one in between. */
function namesIn(types: readonly WitType[]): readonly WitDefinition[] {
  return types.flatMap((type) =>
    type.kind === 'named' || type.kind === 'own' || type.kind === 'borrow' ? [type.definition] : namesIn(typesOf(type)),
  );
}

const originText = ({ resource: { name, owner }, side }: ResourceOrigin): string =>
  `resource ${name} of the ${side}ed ${owner}`;
