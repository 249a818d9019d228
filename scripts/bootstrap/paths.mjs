// Where things are, in the clone and in the cache outside it.
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const inRoot = (...parts) => join(root, ...parts);

/** Built addons, cargo's target folder and built example modules outlive a clone here. */
export const cacheFolder =
  process.env.HOTSWAP_CACHE_DIR ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'hotswap');

export const cargoTargetFolder = process.env.CARGO_TARGET_DIR ?? join(cacheFolder, 'cargo-target');

/** Node 24 as pinned in package.json. The system's node only has to be able to run the bootstrap. */
export const pinnedNode = inRoot('node_modules', '.bin', 'node');

/**
 * The environment without the clone's own node_modules/.bin in PATH: `npm ci` deletes that folder, and must not be run
 * by the node inside it.
 */
export function environmentOutsideClone() {
  const own = inRoot('node_modules', '.bin');
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== own);
  return { ...process.env, PATH: path.join(delimiter) };
}

/** The environment in which the workspace's own tools (node 24, vitest, tsc, …) come first. */
export function environmentOfClone(extra = {}) {
  const own = inRoot('node_modules', '.bin');
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== own);
  return { ...process.env, PATH: [own, ...path].join(delimiter), ...extra };
}
