import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Root of the repository, with a slash at its end. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** Text of a tracked file, by its path from the root. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/**
 * A module of a package with what its index keeps to itself. The reference describes sources, so it reads them where
 * they are; the caller names the exports that it expects.
 */
export async function importSource<Exports>(path: string): Promise<Exports> {
  return (await import(pathToFileURL(join(root, path)).href)) as Exports;
}

/** Paths from the root that match a pattern, sorted, without anything installed or built. */
export function findFiles(pattern: string): readonly string[] {
  const skipped = new Set(['node_modules', 'dist', 'target']);
  return globSync(pattern, { cwd: root, exclude: (name) => skipped.has(name) })
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}
