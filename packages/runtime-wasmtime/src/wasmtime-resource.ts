import type { ResourceHandle, WitValue } from '@hotswap/core';
import type { ResourceValue, WitType } from '../binding.d.ts';
import { resourceMapper } from './resource-mapper.ts';

/** Where a resource lives: its instance frees it. @internal */
export interface ResourceOwner {
  dropResource(resource: ResourceValue): void;
  /** The object that a guest gives back to its host. */
  hostObject(resource: ResourceValue, kind: string): unknown;
}

/** Replaces the addon's plain resource values within a value. @internal */
export type ValueWrapper = (value: unknown, owner: ResourceOwner) => WitValue;

interface Abandoned {
  readonly value: ResourceValue;
  readonly owner: ResourceOwner;
}

/** Drops what nobody can reach any more, so that a long-lived instance does not fill up; when is up to the collector. */
const abandoned = new FinalizationRegistry<Abandoned>(({ value, owner }) => {
  owner.dropResource(value);
});

/**
 * A guest's resource in the hands of the host: pass it where the function wants it, and dispose of it when it is no longer
 * needed. What is never disposed goes with its last reference, at the latest with its instance.
 * @internal
 */
export class WasmtimeResource implements ResourceHandle {
  readonly resourceType: string;
  /** Read by the addon when the handle is an argument. */
  readonly $resource: ResourceValue['$resource'];
  readonly #owner: ResourceOwner;
  #disposed = false;

  constructor(value: ResourceValue, resourceType: string, owner: ResourceOwner) {
    this.$resource = value.$resource;
    this.resourceType = resourceType;
    this.#owner = owner;
    abandoned.register(this, { value, owner }, this);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    abandoned.unregister(this);
    this.#owner.dropResource(this);
  }
}

/** The wrapper for a function's results, or `undefined` when they hold no resource. @internal */
export function resultWrapper(results: readonly WitType[]): ValueWrapper | undefined {
  const [only] = results;
  if (only === undefined || results.length > 1) return undefined;
  // A result at the top has been unpacked already: ok is the value, err is an error.
  return resourceMapper<ResourceOwner>(only.kind === 'result' ? only.ok : only, (value, type, owner) =>
    type.host === true
      ? owner.hostObject(value as ResourceValue, type.resource)
      : new WasmtimeResource(value as ResourceValue, type.resource, owner),
  ) as ValueWrapper | undefined;
}
