import type { ResourceValue, WitType } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import { type ResourceMapper, resourceMapper } from './resource-mapper.ts';

/** Stands in the place of an instance in resources that are objects of the host. */
const hostInstance = 0xffff_ffff;

/** What a host function hands out in one answer. @internal */
export interface HandedOut {
  /** The function. */
  readonly by: string;
  /** What its objects are known by. */
  readonly ids: number[];
}

/** An object of the host as the addon knows it. @internal */
export function hostResource(id: number): ResourceValue {
  return { $resource: [hostInstance, id, 0] };
}

/**
 * Objects of the host that guests hold as resources. A guest sees a number; the object stays here until the guest gives it
 * back, drops it, or ends.
 * @internal
 */
export class HostResources {
  readonly #objects = new Map<number, unknown>();
  /** Those that functions have handed out; the others were arguments, and have keepers of their own. */
  readonly #handedOut = new Set<number>();
  #next = 1;

  /** Objects that guests hold now. */
  get size(): number {
    return this.#objects.size;
  }

  /** Gives an object to a guest, as its own or for the length of a call. */
  hold(object: unknown): number {
    const id = this.#next;
    this.#next = id >= hostInstance ? 1 : id + 1;
    this.#objects.set(id, object);
    return id;
  }

  /** The object behind a number, which is the host's again. @throws HS_RUNTIME_STALE_HANDLE */
  takeBack(id: number, kind: string): unknown {
    const object = this.#objects.get(id);
    if (object === undefined)
      throw runtimeError('HS_RUNTIME_STALE_HANDLE', { kind, reason: 'the guest has given it up' });
    this.forget(id);
    return object;
  }

  /** Whether a guest still has it. */
  holds(id: number): boolean {
    return this.#objects.has(id);
  }

  /** Lets go of an object that is the host's alone again. */
  forget(id: number): void {
    this.#objects.delete(id);
    this.#handedOut.delete(id);
  }

  /** What functions have handed out and guests have not given back. */
  get handedOut(): readonly number[] {
    return [...this.#handedOut];
  }

  /** For what guests pass: numbers become objects. Owned ones are the host's again. */
  incoming(type: WitType | undefined): ResourceMapper<string> | undefined {
    return resourceMapper(type, (value, { kind, resource }) => {
      const [, id] = (value as ResourceValue).$resource;
      const object = this.#objects.get(id);
      if (object === undefined)
        throw runtimeError('HS_RUNTIME_STALE_HANDLE', { kind: resource, reason: 'the guest has given it up' });
      if (kind === 'own') this.forget(id);
      return object;
    });
  }

  /** For what the host hands out: objects become numbers. */
  outgoing(type: WitType | undefined): ResourceMapper<HandedOut> | undefined {
    return resourceMapper(type, (value, { resource }, { by, ids }) => {
      if (value === null || (typeof value !== 'object' && typeof value !== 'function'))
        throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', {
          path: `the result of ${by}`,
          expected: `a ${resource}, which is an object`,
        });
      const id = this.hold(value);
      this.#handedOut.add(id);
      ids.push(id);
      return hostResource(id);
    });
  }

  /** A guest has dropped one, or ended with it. Calls its `Symbol.dispose`, if it has one. */
  drop(id: number): void {
    const object = this.#objects.get(id);
    this.forget(id);
    (object as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
  }
}
