// What has to be built: one target for each .wasm in dist, with a hash over everything that decides its bytes.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exampleModuleEntries } from '../catalogue/example-modules.mjs';
import { hostileModuleEntries } from '../catalogue/hostile-modules.mjs';
import { guestRecipes } from './guest-recipes.mjs';

export const packageFolder = fileURLToPath(new URL('..', import.meta.url));
export const distFolder = join(packageFolder, 'dist');

/** Where a target's .wasm stands in dist. */
export const outputPath = (id) => join(distFolder, `${id}.wasm`);

/** The id of an example: its name and version, as in the file's name. */
export const exampleId = ({ name, version }) => `${name}-${version}`;

/** The id of the file behind a hostile entry. */
export const hostileFileId = (id) => `hostile-${hostileModuleEntries[id].module ?? id}`;

/** The version of an installed package, from wherever the workspace has put it. */
function installedVersion(name) {
  for (let folder = packageFolder; ; folder = dirname(folder)) {
    const manifest = join(folder, 'node_modules', name, 'package.json');
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).version;
    if (folder === dirname(folder)) return 'absent';
  }
}

function hashOf(build, versionOf, recipesHash, hashById) {
  const hash = createHash('sha256').update(JSON.stringify(build)).update(recipesHash);
  for (const tool of guestRecipes[build.recipe].toolchain) hash.update(`${tool}@${versionOf(tool)}\n`);
  for (const path of [build.source, build.wit]) if (path) hash.update(readFileSync(join(packageFolder, path)));
  if (build.from) hash.update(hashById.get(build.from));
  return hash.digest('hex');
}

function allBuilds() {
  const examples = exampleModuleEntries.map((entry) => [
    exampleId(entry),
    { ...entry.build, onDemand: entry.onDemand },
  ]);
  const files = new Set(Object.entries(hostileModuleEntries).map(([id, { module = id }]) => module));
  const hostile = [...files].map((file) => [`hostile-${file}`, { recipe: 'wat', source: `hostile/${file}.wat` }]);
  return [...examples, ...hostile];
}

/**
 * Every target, a target after the one it is made from: `{ id, recipe, inputs, from, hash, onDemand }` with absolute
 * paths. What is on demand is built only when it is named.
 */
export function planBuild() {
  const versions = new Map();
  const versionOf = (tool) => {
    if (!versions.has(tool)) versions.set(tool, installedVersion(tool));
    return versions.get(tool);
  };
  const recipeFiles = ['guest-recipes.mjs', 'typescript-http-recipe.mjs', 'without-init-export.mjs'].map((name) =>
    join(packageFolder, 'tooling', name),
  );
  const recipesHash = createHash('sha256')
    .update(recipeFiles.map((path) => readFileSync(path, 'utf8')).join('\n'))
    .digest('hex');
  const hashById = new Map();
  return allBuilds().map(([id, build]) => {
    const hash = hashOf(build, versionOf, recipesHash, hashById);
    hashById.set(id, hash);
    const inputs = { world: build.world };
    if (build.source) inputs.source = join(packageFolder, build.source);
    if (build.wit) inputs.wit = join(packageFolder, build.wit);
    if (build.from) inputs.from = outputPath(build.from);
    return { id, recipe: build.recipe, inputs, from: build.from, hash, onDemand: build.onDemand === true };
  });
}
