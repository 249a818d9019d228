import type { ModuleRecord, TrainMember } from '@hotswap/core';
import { compareVersions, compatibleRange, interfaceNameOf } from '@hotswap/interfaces';
import { serverError } from '../error-codes.ts';

type OrderedModule = Pick<ModuleRecord, 'moduleId' | 'name' | 'description'>;

/** A module with those that have to be there before it. @internal */
export interface PlacedModule<Module> {
  readonly module: Module;
  readonly after: TrainMember['after'];
}

/**
 * Puts whoever exports something before those who import it; among the others the given order stands. `given` keeps the
 * whole order as it is, and only says who needs whom.
 * @throws HS_DEPLOYMENT_TRAIN_CYCLE naming the modules that need one another in a circle
 * @internal
 */
export function orderModules<Module extends OrderedModule>(
  modules: readonly Module[],
  order: 'interfaces' | 'given',
): readonly PlacedModule<Module>[] {
  const placed = modules.map((module): PlacedModule<Module> => ({ module, after: providersOf(module, modules) }));
  if (order === 'given') return placed;
  const done: PlacedModule<Module>[] = [];
  const waiting = [...placed];
  while (waiting.length > 0) {
    const isThere = (moduleId: string): boolean => done.some(({ module }) => module.moduleId === moduleId);
    const next = waiting.findIndex(({ after }) => after.every(({ moduleId }) => isThere(moduleId)));
    if (next < 0) throw serverError('HS_DEPLOYMENT_TRAIN_CYCLE', { cycle: cycleIn(waiting).join(' -> ') });
    done.push(...waiting.splice(next, 1));
  }
  return done;
}

/** Members that export what a module imports. */
function providersOf(module: OrderedModule, modules: readonly OrderedModule[]): TrainMember['after'] {
  return modules
    .filter((other) => other.moduleId !== module.moduleId)
    .flatMap((other) => {
      const through = module.description.imports.find(({ name }) => satisfies(other, name));
      return through === undefined ? [] : [{ moduleId: other.moduleId, through: through.name }];
    });
}

/**
 * Whether a module gives what an import names: an interface of the same compatible range and no older version, or, for core
 * modules, a function that is imported from a module of its name (`greeter.greet`).
 */
function satisfies({ name, description }: OrderedModule, imported: string): boolean {
  if (description.exports.some((exported) => isCompatible(exported.name, imported))) return true;
  const [from, ...rest] = imported.split('.');
  return from === name && description.exports.some((exported) => exported.name === rest.join('.'));
}

function isCompatible(exported: string, imported: string): boolean {
  const [has, needs] = [interfaceNameOf(exported), interfaceNameOf(imported)];
  // Plain names of two modules mean nothing to one another; only interfaces have a package.
  if (has.base !== needs.base || !has.base.includes(':')) return false;
  if (has.version === null || needs.version === null) return true;
  return (
    compatibleRange(has.version) === compatibleRange(needs.version) && compareVersions(has.version, needs.version) >= 0
  );
}

/** Follows what waits for what until somebody is met again. */
function cycleIn(waiting: readonly PlacedModule<OrderedModule>[]): readonly string[] {
  const path: string[] = [];
  let at = waiting[0];
  while (at && !path.includes(at.module.moduleId)) {
    path.push(at.module.moduleId);
    const needs = at.after.find(({ moduleId }) => waiting.some(({ module }) => module.moduleId === moduleId));
    at = waiting.find(({ module }) => module.moduleId === needs?.moduleId);
  }
  const first = at?.module.moduleId ?? '';
  return [...path.slice(path.indexOf(first)), first];
}
