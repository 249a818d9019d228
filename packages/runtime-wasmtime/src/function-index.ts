import type { CallableDescription } from '../binding.d.ts';
import { runtimeError } from './error-codes.ts';
import { type ArgumentMapper, argumentMapper } from './instance-resources.ts';
import { MessageCodec } from './message-codec.ts';
import { type ValueWrapper, resultWrapper } from './wasmtime-resource.ts';

/** A function that a name was resolved to. @internal */
export interface ExportTarget {
  readonly name: string;
  /** Its position in the addon's list. */
  readonly exportIndex: number;
  readonly synchronous: boolean;
  /** Why no call can reach it; null when calls can. */
  readonly unsupported: string | null;
  readonly needsInstance: boolean;
  /** Gives resources within a result their class; absent when the result has none. */
  readonly wrap: ValueWrapper | undefined;
  /** Takes objects of the host out of each argument; absent when no parameter has any. */
  readonly lend: readonly (ArgumentMapper | undefined)[] | undefined;
  /** Carries arguments and result at once; absent where they cross just as quickly by themselves. */
  readonly codec: MessageCodec | undefined;
}

/** Names in an error are there to help, not to list a library of thousands. */
const maxNamesInError = 20;

/**
 * Finds exported functions by the names that people write: `-` and `_` are the same, and the interface, or its version,
 * can be left out while that is unambiguous. What the binary says literally always wins.
 * @internal
 */
export class FunctionIndex {
  readonly #exact = new Map<string, ExportTarget>();
  /** By normalised names, full and shortened; `null` where several functions have one. */
  readonly #loose = new Map<string, ExportTarget | null>();

  constructor(functions: readonly CallableDescription[]) {
    const targets = functions.map(targetOf);
    for (const target of targets) this.#exact.set(target.name, target);
    for (const names of [fullNames, unversionedNames, bareNames]) this.#addLoose(targets, names);
  }

  /** @throws HS_RUNTIME_UNKNOWN_EXPORT when no function, or more than one, has that name. */
  resolve(name: string): ExportTarget {
    const found = this.#exact.get(name) ?? this.#loose.get(normalised(name));
    if (found !== undefined && found !== null) return found;
    const available = found === null ? this.#sharing(normalised(name)) : [...this.#exact.keys()];
    throw runtimeError('HS_RUNTIME_UNKNOWN_EXPORT', { export: name, available: available.slice(0, maxNamesInError) });
  }

  /** Shorter forms never displace a longer form that is the same text. */
  #addLoose(targets: readonly ExportTarget[], namesOf: (name: string) => readonly string[]): void {
    const found = new Map<string, ExportTarget | null>();
    for (const target of targets) {
      for (const name of namesOf(normalised(target.name))) found.set(name, found.has(name) ? null : target);
    }
    for (const [name, target] of found) if (!this.#loose.has(name)) this.#loose.set(name, target);
  }

  #sharing(name: string): readonly string[] {
    return [...this.#exact.keys()].filter((full) =>
      [fullNames, unversionedNames, bareNames].some((form) => form(normalised(full)).includes(name)),
    );
  }
}

function targetOf(description: CallableDescription, exportIndex: number): ExportTarget {
  const { name, synchronous, unsupported, needsInstance, params, results } = description;
  const mappers = params.map(({ type }) => argumentMapper(type));
  return {
    name,
    exportIndex,
    synchronous,
    unsupported,
    needsInstance,
    wrap: resultWrapper(results),
    lend: mappers.some((mapper) => mapper !== undefined) ? mappers : undefined,
    codec: MessageCodec.of(description),
  };
}

function normalised(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}

const fullNames = (name: string): readonly string[] => [name];

const unversionedNames = (name: string): readonly string[] => {
  const [, path, fn] = /^(.*?)@[^#]*(#.*)$/.exec(name) ?? [];
  return path === undefined || fn === undefined ? [] : [path + fn];
};

/** `ns:pkg/iface@1.0.0#f`: `iface#f` and `f`. */
const bareNames = (name: string): readonly string[] => {
  const [, iface, fn] = /([^/#@]*)(?:@[^#]*)?#(.*)$/.exec(name) ?? [];
  return iface === undefined || fn === undefined ? [] : [`${iface}#${fn}`, fn];
};
