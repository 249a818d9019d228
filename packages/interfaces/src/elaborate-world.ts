import type { WitInterface, WitWorld, WitWorldItem } from './wit-document.ts';

/**
 * Adds the interfaces whose types a world's own items use: those of exports come from its exports where it exports them,
 * else from its imports, as in components.
 * @internal
 */
export function elaborate(world: WitWorld): WitWorld {
  const imports = new Map<string, WitWorldItem>();
  const seen = new Set<WitInterface>();
  const add = (each: WitInterface, exported: ReadonlyMap<string, WitWorldItem> | null): void => {
    for (const dependency of each.dependencies) {
      if (exported?.has(dependency.id) === true || seen.has(dependency)) continue;
      seen.add(dependency);
      add(dependency, exported);
      imports.set(dependency.id, { kind: 'interface', interface: dependency });
    }
  };
  for (const [key, item] of world.imports) {
    if (item.kind === 'interface') add(item.interface, null);
    imports.set(key, item);
  }
  seen.clear();
  for (const item of world.exports.values()) if (item.kind === 'interface') add(item.interface, world.exports);
  return { ...world, imports };
}
