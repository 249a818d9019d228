import {
  type HostImports,
  type HotSwapError,
  type LoadedModule,
  type ModuleInstance,
  type WitValue,
  isHotSwapError,
} from '@hotswap/core';

/** What a call ended in. */
export type CallOutcome = { readonly value: WitValue } | { readonly error: HotSwapError };

interface PastCall {
  readonly field: string;
  readonly args: readonly WitValue[];
}

/** One call in so many is made on the runtime's threads, the first of each instance among them; the rest on this thread. */
const threadedOneIn = 5;

/**
 * An instance of a script. The runtime ends one that trapped while the specification keeps it, so the next call gets a
 * fresh one that went through the same calls.
 */
export class SpecInstance implements AsyncDisposable {
  readonly module: LoadedModule;
  /** Whether a call may leave something to later ones. */
  readonly keepsState: boolean;
  readonly #synchronous: boolean;
  readonly #past: PastCall[] = [];
  #instance: ModuleInstance;
  #ended = false;
  #calls = 0;

  private constructor(module: LoadedModule, instance: ModuleInstance, how: { synchronous: boolean; state: boolean }) {
    this.module = module;
    this.#instance = instance;
    this.#synchronous = how.synchronous;
    this.keepsState = how.state;
  }

  /** @throws what loading and opening throw; the module is given back then. */
  static async open(load: Promise<LoadedModule>, bytes: Uint8Array, synchronous: boolean): Promise<SpecInstance> {
    const module = await load;
    try {
      return new SpecInstance(module, await module.open(), { synchronous, state: keepsState(bytes) });
    } catch (error) {
      await module[Symbol.asyncDispose]();
      throw error;
    }
  }

  async call(field: string, args: readonly WitValue[]): Promise<CallOutcome> {
    if (this.#ended) await this.#renew();
    try {
      const value = await this.#invoke(field, args);
      if (this.keepsState) this.#past.push({ field, args });
      return { value };
    } catch (error) {
      if (!isHotSwapError(error)) throw error;
      this.#ended = error.code !== 'HS_RUNTIME_UNSUPPORTED' && error.code !== 'HS_RUNTIME_UNKNOWN_EXPORT';
      return { error };
    }
  }

  /** Its functions, for another module to import. Their types are those of the guest. */
  functions(): HostImports[string] {
    return Object.fromEntries(
      this.module.description.functions.map(({ name }) => [
        name,
        async (...args: WitValue[]) => {
          const outcome = await this.call(name, args);
          if ('error' in outcome) throw outcome.error;
          return outcome.value;
        },
      ]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.module[Symbol.asyncDispose]();
  }

  async #invoke(field: string, args: readonly WitValue[]): Promise<WitValue> {
    const threaded = this.#calls++ % threadedOneIn === 0;
    if (threaded || !this.#synchronous || this.#instance.invokeSync === undefined)
      return (await this.#instance.invoke(field, args)).value;
    try {
      return this.#instance.invokeSync(field, args);
    } catch (error) {
      // The caller's thread was without a processor for that long: the other way has the time.
      if (!isHotSwapError(error) || error.code !== 'HS_RUNTIME_TIMEOUT') throw error;
      await this.#renew();
      return (await this.#instance.invoke(field, args)).value;
    }
  }

  async #renew(): Promise<void> {
    await this.#instance[Symbol.asyncDispose]();
    this.#instance = await this.module.open();
    this.#ended = false;
    for (const { field, args } of this.#past) await this.#invoke(field, args);
  }
}

/** Whether it has a memory, tables, globals or segments: sections 4 to 6, 9 and 11. */
function keepsState(bytes: Uint8Array): boolean {
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at++] ?? 0;
    if ([4, 5, 6, 9, 11].includes(id)) return true;
    let size = 0;
    for (let shift = 0, byte = 0x80; byte >= 0x80; shift += 7) {
      byte = bytes[at++] ?? 0;
      size |= (byte & 0x7f) << shift;
    }
    at += size;
  }
  return false;
}
