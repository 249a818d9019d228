import { compatibleRange, interfaceNameOf } from './interface-version.ts';
import type { WitWorldItem } from './wit-document.ts';

/** The item of the other side that stands for one. @internal */
export interface Counterpart {
  readonly key: string;
  readonly item: WitWorldItem;
  readonly isCompatible: boolean;
}

type Items = ReadonlyMap<string, WitWorldItem>;

/** Keys of interfaces by their names without versions. @internal */
export function byBase(items: Items): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  for (const key of items.keys()) {
    const { base } = interfaceNameOf(key);
    const keys = index.get(base);
    if (keys === undefined) index.set(base, [key]);
    else keys.push(key);
  }
  return index;
}

/**
 * The same item on the other side: of that very name, else of a version in the same range, else of any version. `null`:
 * none.
 * @internal
 */
export function counterpart(
  key: string,
  items: Items,
  index: ReadonlyMap<string, readonly string[]>,
): Counterpart | null {
  const of = (found: string, isCompatible: boolean): Counterpart => ({
    key: found,
    item: items.get(found) as WitWorldItem,
    isCompatible,
  });
  if (items.has(key)) return of(key, true);
  const { base, version } = interfaceNameOf(key);
  const candidates = index.get(base) ?? [];
  const range = compatibleRange(version);
  const compatible = candidates.find((candidate) => compatibleRange(interfaceNameOf(candidate).version) === range);
  if (compatible !== undefined) return of(compatible, true);
  const [other] = candidates;
  return other === undefined ? null : of(other, false);
}
