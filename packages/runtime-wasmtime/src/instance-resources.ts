import type { ResourceValue, WitType } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import { type HostResources, hostResource } from './host-resources.ts';
import { type ResourceMapper, resourceMapper } from './resource-mapper.ts';
import { WasmtimeResource } from './wasmtime-resource.ts';

/** Replaces objects of the host within one argument. @internal */
export type ArgumentMapper = ResourceMapper<InstanceResources>;

/**
 * The way of one parameter to its resources, or `undefined` when it has none that are objects of the host.
 * @internal
 */
export function argumentMapper(type: WitType): ArgumentMapper | undefined {
  if (!JSON.stringify(type).includes('"host":true')) return undefined;
  return resourceMapper<InstanceResources>(type, (value, { kind, resource, host }, resources) =>
    host === true ? resources.give(value, kind, resource) : value,
  );
}

/**
 * Objects of the host that go to one instance as arguments of calls: lent for a call, or given away until the guest drops
 * them, hands them back, or ends.
 * @internal
 */
export class InstanceResources {
  readonly #host: HostResources;
  readonly #given = new Set<number>();
  #lent: number[] = [];

  constructor(host: HostResources) {
    this.#host = host;
  }

  /** @throws HS_RUNTIME_INVALID_ARGUMENT for what is no object. */
  give(value: unknown, kind: string, resource: string): ResourceValue {
    const isObject = value !== null && (typeof value === 'object' || typeof value === 'function');
    if (!isObject || value instanceof WasmtimeResource)
      throw runtimeError('HS_RUNTIME_INVALID_ARGUMENT', { path: resource, expected: 'an object of the host' });
    const id = this.#host.hold(value);
    if (kind === 'own') this.#given.add(id);
    else this.#lent.push(id);
    return hostResource(id);
  }

  /** The object that a guest gives back. @throws HS_RUNTIME_STALE_HANDLE */
  takeBack(id: number, kind: string): unknown {
    this.#given.delete(id);
    return this.#host.takeBack(id, kind);
  }

  /** What was lent since the last time: it is to be forgotten when its call has ended. */
  takeLent(): readonly number[] {
    const lent = this.#lent;
    this.#lent = [];
    return lent;
  }

  endOf(lent: readonly number[]): void {
    for (const id of lent) this.#host.forget(id);
  }

  /** The instance is gone, and with it what it was given and still had. */
  close(): void {
    for (const id of this.#given) this.#host.drop(id);
    this.#given.clear();
  }
}
