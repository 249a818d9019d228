import { typesOf, typesOfBody } from './type-parts.ts';
import type { WitDefinition, WitFunction, WitInterface, WitType, WitWorld } from './wit-document.ts';

/**
 * Types that a component of the world really takes from its imports: those that functions and exports use. Types of
 * imports that nothing uses are left out of components, and what an exported interface defines is its own.
 * @internal
 */
export function liveDefinitions(world: WitWorld): ReadonlySet<WitDefinition> {
  const imported = new Walk();
  const exported = new Walk();
  for (const item of world.imports.values()) {
    if (item.kind === 'function') imported.addFunction(item.function);
    if (item.kind === 'interface') for (const each of item.interface.functions.values()) imported.addFunction(each);
  }
  for (const item of world.exports.values()) {
    if (item.kind === 'function') exported.addFunction(item.function);
    if (item.kind !== 'interface') continue;
    for (const each of item.interface.functions.values()) exported.addFunction(each);
    for (const each of item.interface.types.values()) exported.add(each);
  }
  exported.run();
  for (const each of exported.seen) if (!world.exports.has(each.owner)) imported.add(each);
  imported.run();
  return imported.seen;
}

/** Whether a component that imports the interface has anything of it. @internal */
export function isLive(each: WitInterface, live: ReadonlySet<WitDefinition>): boolean {
  return each.functions.size > 0 || [...each.types.values()].some((type) => live.has(type));
}

/** Follows types to everything that they are made of. */
class Walk {
  readonly seen = new Set<WitDefinition>();
  readonly #waiting: WitType[] = [];

  addFunction({ params, result }: WitFunction): void {
    for (const { type } of params) this.#waiting.push(type);
    if (result !== null) this.#waiting.push(result);
  }

  add(definition: WitDefinition): void {
    this.#waiting.push({ kind: 'named', definition });
  }

  run(): void {
    for (let type = this.#waiting.pop(); type !== undefined; type = this.#waiting.pop()) {
      const named = definitionOf(type);
      if (named === null) this.#addAll(typesOf(type));
      else if (!this.seen.has(named)) {
        this.seen.add(named);
        this.#addAll(typesOfBody(named.body));
      }
    }
  }

  #addAll(types: readonly WitType[]): void {
    for (const type of types) this.#waiting.push(type);
  }
}

function definitionOf(type: WitType): WitDefinition | null {
  return type.kind === 'named' || type.kind === 'own' || type.kind === 'borrow' ? type.definition : null;
}
