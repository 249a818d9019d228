// One hash over a set of files: their paths and contents.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root } from './paths.mjs';

/** Files below `path` (or `path` itself), sorted; folders named in `skip` are left out. A missing path has none. */
function filesBelow(path, skip) {
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined) return [];
  if (!entry.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => !skip.includes(name))
    .sort()
    .flatMap((name) => filesBelow(join(path, name), skip));
}

/**
 * SHA-256, hex, of the files and the extra strings. Paths count relative to `base`, the clone without it, and with slashes,
 * so that every clone agrees.
 */
export function hashFiles(paths, { skip = [], extra = [], base = root } = {}) {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`${text}\0`);
  for (const file of paths.flatMap((path) => filesBelow(path, skip))) {
    hash
      .update(`${relative(base, file).replaceAll(sep, '/')}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}
