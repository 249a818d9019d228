import type { ModuleRecord } from '@hotswap/core';
import type { CheckedTrain } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';
import type { ModuleRegistry } from '../ports/module-registry.ts';
import { orderModules, type PlacedModule } from './order-modules.ts';

/** A member in its place. @internal */
export interface PlacedMember extends PlacedModule<ModuleRecord> {
  /** Members that will have moved when its turn comes. */
  readonly ahead: readonly ModuleRecord[];
}

/**
 * Puts the modules of a train in the order in which they go.
 * @throws HS_REGISTRY_MODULE_NOT_FOUND, HS_DEPLOYMENT_TRAIN_TWICE, HS_DEPLOYMENT_TRAIN_CYCLE
 * @internal
 */
export async function placeMembers(
  registry: Pick<ModuleRegistry, 'get'>,
  tenant: string,
  { moduleIds, order }: Pick<CheckedTrain, 'moduleIds' | 'order'>,
): Promise<readonly PlacedMember[]> {
  const modules = await Promise.all(moduleIds.map((moduleId) => registry.get(tenant, moduleId)));
  const twice = modules.findIndex(({ name }, n) => modules.findIndex((other) => other.name === name) !== n);
  if (twice >= 0) {
    const moduleName = modules[twice]?.name ?? '';
    const errors = [
      { pointer: `/moduleIds/${twice}`, detail: `${moduleName} is named before: one version of a module` },
    ];
    throw serverError('HS_DEPLOYMENT_TRAIN_TWICE', { moduleName, errors });
  }
  const placed = orderModules(modules, order);
  return placed.map((each, n) => ({ ...each, ahead: placed.slice(0, n).map(({ module }) => module) }));
}

/** @internal */
export const memberId = (trainId: string, { name }: Pick<ModuleRecord, 'name'>): string =>
  `${trainId}-${name}`.slice(0, 100);
