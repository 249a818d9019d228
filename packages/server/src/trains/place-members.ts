import { createHash } from 'node:crypto';
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

/** Ids of deployments are that long at most. */
const longestId = 100;

/**
 * The id of a member's deployment. Of one that is too long the end gives way to a digest of the whole, so that modules whose
 * names begin alike stay apart.
 * @internal
 */
export function memberId(trainId: string, { name }: Pick<ModuleRecord, 'name'>): string {
  const id = `${trainId}-${name}`;
  if (id.length <= longestId) return id;
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 12);
  return `${id.slice(0, longestId - digest.length - 1)}-${digest}`;
}
