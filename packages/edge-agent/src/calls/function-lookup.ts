import type { FunctionSignature, ModuleDescription } from '@hotswap/core';

/**
 * Finds exported functions by the names that people write: `-` and `_` are the same, and a function of an interface may
 * be named without the interface while that is unambiguous.
 * @internal
 */
export class FunctionLookup {
  readonly #byName = new Map<string, FunctionSignature | null>();

  constructor(description: ModuleDescription) {
    const short = new Map<string, FunctionSignature | null>();
    for (const signature of description.functions) {
      const name = normalised(signature.name);
      this.#byName.set(name, signature);
      const hash = name.lastIndexOf('#');
      if (hash < 0) continue;
      const bare = name.slice(hash + 1);
      short.set(bare, short.has(bare) ? null : signature);
    }
    for (const [name, signature] of short) if (!this.#byName.has(name)) this.#byName.set(name, signature);
    // Exact names last, so that the hot path finds them without normalising.
    for (const signature of description.functions) this.#byName.set(signature.name, signature);
  }

  /** `undefined` when there is no such function, or when several interfaces have it. */
  find(name: string): FunctionSignature | undefined {
    return this.#byName.get(name) ?? this.#byName.get(normalised(name)) ?? undefined;
  }
}

function normalised(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}
