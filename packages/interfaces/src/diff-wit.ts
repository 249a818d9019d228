import { diffPackages } from './diff-packages.ts';
import { diffWorlds } from './diff-worlds.ts';
import type { InterfaceChange } from './interface-change.ts';
import { readWit, type ReadWitOptions } from './read-wit.ts';
import type { WitDocument, WitWorld } from './wit-document.ts';

/**
 * What changes between two WIT texts. Texts printed from components are compared as components, everything else as
 * versions of a package.
 * @throws HS_INTERFACE_INVALID_WIT, HS_INTERFACE_UNRESOLVED, HS_INTERFACE_TOO_LARGE
 * @public
 */
export function diffWit(before: string, after: string, options: ReadWitOptions = {}): readonly InterfaceChange[] {
  const [old, now] = [readWit(before, options), readWit(after, options)];
  const [oldWorld, newWorld] = [componentWorld(old), componentWorld(now)];
  return oldWorld === null || newWorld === null ? diffPackages(old.root, now.root) : diffWorlds(oldWorld, newWorld);
}

function componentWorld({ root }: WitDocument): WitWorld | null {
  return root.name === 'root:component' ? (root.worlds.get('root') ?? null) : null;
}
