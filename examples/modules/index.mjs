// Finds the guest modules by name. Build them first: `npm run build -w examples/modules`, or `buildExampleModules()`.
import { exampleModuleEntries } from './catalogue/example-modules.mjs';
import { hostileModuleEntries } from './catalogue/hostile-modules.mjs';
import { buildModules } from './tooling/build-modules.mjs';
import { exampleId, hostileFileId, outputPath } from './tooling/build-plan.mjs';

export { compileBomb } from './catalogue/compile-bomb.mjs';
export { contractRig } from './tooling/contract-rig.mjs';
export { unexpectedInChild } from './tooling/meet-hostile.mjs';

const allExamples = exampleModuleEntries.map(({ build: _build, onDemand = false, ...entry }) => {
  const id = exampleId(entry);
  return Object.freeze({ id, ...entry, onDemand, path: outputPath(id) });
});

export const exampleModules = Object.freeze(allExamples.filter(({ onDemand }) => !onDemand));

export const hostileModules = Object.freeze(
  Object.entries(hostileModuleEntries).map(([id, { module: _module, ...entry }]) =>
    Object.freeze({ id, browserValid: true, ...entry, path: outputPath(hostileFileId(id)) }),
  ),
);

function find(kind, modules, isWanted, asked) {
  const found = modules.find(isWanted);
  if (found) return found;
  throw new TypeError(`there is no ${kind} '${asked}': there are ${modules.map(({ id }) => id).join(', ')}`);
}

export function exampleModule(name, version) {
  const asked = version === undefined ? name : `${name}-${version}`;
  const isWanted = ({ id, name: own }) => id === asked || (version === undefined && own === name);
  return find('example module', allExamples, isWanted, asked);
}

export function hostileModule(id) {
  return find('hostile module', hostileModules, (entry) => entry.id === id, id);
}

export const buildExampleModules = async (options) => {
  await buildModules(options);
};
