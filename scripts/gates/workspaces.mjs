// The workspaces, and which of them are published, from their own package.json.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { inRoot } from '../bootstrap/paths.mjs';

/** Folders of all workspaces, sorted. */
export function workspaceFolders() {
  return ['packages', 'packages/strategies', 'packages/selectors', 'examples']
    .filter((parent) => existsSync(inRoot(parent)))
    .flatMap((parent) => readdirSync(inRoot(parent)).map((name) => `${parent}/${name}`))
    .filter((folder) => existsSync(inRoot(folder, 'package.json')))
    .sort();
}

/** `{ name, folder, manifest }` of every package that is not private, sorted by folder. */
export function publicPackages() {
  return workspaceFolders()
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(inRoot(folder, 'package.json'), 'utf8')) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ name: manifest.name, folder, manifest }));
}
