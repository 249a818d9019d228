import { type WitValue, isHotSwapError } from '@hotswap/core';
import type { ResourceValue, WitType } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import { type HostResources, hostResource } from './host-resources.ts';
import { type ResourceMapper, resourceMapper } from './resource-mapper.ts';
import { WasmtimeResource } from './wasmtime-resource.ts';

/** Replaces objects of the host within one argument. @internal */
export type ArgumentMapper = ResourceMapper<CallObjects>;

/**
 * The way of one parameter to its resources, or `undefined` when it has none that are objects of the host.
 * @internal
 */
export function argumentMapper(type: WitType): ArgumentMapper | undefined {
  if (!JSON.stringify(type).includes('"host":true')) return undefined;
  return resourceMapper<CallObjects>(type, (value, { kind, resource, host }, objects) =>
    host === true ? objects.give(value, kind, resource) : value,
  );
}

/** Objects given away are looked through for those that are gone when there are so many. */
const leastPruned = 64;

/**
 * Objects of the host that go to one instance as arguments of calls: lent for a call, or given away until the guest drops
 * them, hands them back, or ends.
 * @internal
 */
export class InstanceResources {
  readonly #host: HostResources;
  readonly #given = new Set<number>();
  #pruneAt = leastPruned;
  #closed = false;

  constructor(host: HostResources) {
    this.#host = host;
  }

  /**
   * Takes the objects out of the arguments of one call.
   * @throws HS_RUNTIME_INVALID_ARGUMENT for what is no object; then none of them is held.
   */
  handIn(args: readonly unknown[], mappers: readonly (ArgumentMapper | undefined)[]): CallObjects {
    const objects = new CallObjects(this.#host, (id) => {
      this.#keep(id);
    });
    try {
      objects.args = args.map((value, at) => mappers[at]?.(value, objects) ?? value) as readonly WitValue[];
    } catch (error) {
      objects.end(error);
      throw error;
    }
    return objects;
  }

  /** The object that a guest gives back. @throws HS_RUNTIME_STALE_HANDLE */
  takeBack(id: number, kind: string): unknown {
    this.#given.delete(id);
    return this.#host.takeBack(id, kind);
  }

  /** The instance is gone, and with it what it was given and still had. */
  close(): void {
    this.#closed = true;
    for (const id of this.#given) this.#host.drop(id);
    this.#given.clear();
  }

  #keep(id: number): void {
    if (this.#closed) {
      this.#host.drop(id);
      return;
    }
    this.#given.add(id);
    if (this.#given.size < this.#pruneAt) return;
    for (const each of this.#given) if (!this.#host.holds(each)) this.#given.delete(each);
    this.#pruneAt = Math.max(leastPruned, 2 * this.#given.size);
  }
}

/** Objects of the host among the arguments of one call, from the call to its end. @internal */
export class CallObjects {
  /** The arguments, with numbers in place of the objects. */
  args: readonly WitValue[] = [];
  readonly #host: HostResources;
  readonly #keep: (id: number) => void;
  readonly #lent: number[] = [];
  readonly #given: number[] = [];
  #sent = false;

  constructor(host: HostResources, keep: (id: number) => void) {
    this.#host = host;
    this.#keep = keep;
  }

  /** @throws HS_RUNTIME_INVALID_ARGUMENT for what is no object. */
  give(value: unknown, kind: string, resource: string): ResourceValue {
    const isObject = value !== null && (typeof value === 'object' || typeof value === 'function');
    if (!isObject || value instanceof WasmtimeResource)
      throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', { path: resource, expected: 'an object of the host' });
    const id = this.#host.hold(value);
    (kind === 'own' ? this.#given : this.#lent).push(id);
    return hostResource(id);
  }

  /** The call was taken on: from here on it is its failure that says whether the guest got them. */
  sent(): void {
    this.#sent = true;
  }

  /** The call is over. What was lent, and what a guest that was never entered was given, is the caller's alone again. */
  end(error?: unknown): void {
    for (const id of this.#lent) this.#host.forget(id);
    const reached = this.#sent && !(isHotSwapError(error) && error.details['argumentsReturned'] === true);
    for (const id of this.#given) {
      if (!reached) this.#host.forget(id);
      else if (this.#host.holds(id)) this.#keep(id);
    }
  }
}
