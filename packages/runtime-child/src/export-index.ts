import type { FunctionSignature, WitValue } from '@hotswap/core';
import type { NumberType, WireValue } from './child-messages.ts';
import { isNumberType, sizeOfNumber, toWire } from './core-values.ts';
import { runtimeChildError } from './error-codes.ts';

/** A function that a name was resolved to. @internal */
export interface ExportTarget {
  readonly name: string;
  readonly params: readonly NumberType[];
}

/** Names in an error are there to help, not to list a library of thousands. */
const maxNamesInError = 20;

const loose = (name: string): string => name.replaceAll('_', '-');

/**
 * Finds exported functions by the names that people write: `-` and `_` are the same; what the binary says literally wins.
 * @internal
 */
export class ExportIndex {
  readonly #exact = new Map<string, FunctionSignature>();
  /** `null` where several functions have one loose name. */
  readonly #loose = new Map<string, FunctionSignature | null>();

  constructor(functions: readonly FunctionSignature[]) {
    for (const signature of functions) {
      this.#exact.set(signature.name, signature);
      const name = loose(signature.name);
      this.#loose.set(name, this.#loose.has(name) ? null : signature);
    }
  }

  /** @throws HS_RUNTIME_UNKNOWN_EXPORT, HS_RUNTIME_UNSUPPORTED for functions whose values are no numbers */
  resolve(name: string): ExportTarget {
    const found = this.#exact.get(name) ?? this.#loose.get(loose(name));
    if (found === undefined || found === null)
      throw runtimeChildError('HS_RUNTIME_UNKNOWN_EXPORT', {
        export: name,
        available: [...this.#exact.keys()].slice(0, maxNamesInError),
      });
    const params = found.params.map(({ type }) => type);
    const results = found.result === undefined ? [] : found.result.replace(/^\((.*)\)$/, '$1').split(', ');
    if (params.every(isNumberType) && results.every(isNumberType)) return { name: found.name, params };
    throw runtimeChildError('HS_RUNTIME_UNSUPPORTED', { feature: 'values that are no numbers at its border' });
  }
}

/**
 * Arguments as they travel.
 * @throws HS_RUNTIME_INVALID_ARGUMENT, HS_RUNTIME_INPUT_LIMIT
 * @internal
 */
export function encodeArguments(
  { params }: ExportTarget,
  args: readonly WitValue[],
  maxInputBytes: number,
): readonly WireValue[] {
  if (args.length !== params.length)
    throw runtimeChildError('HS_RUNTIME_INVALID_ARGUMENT', {
      path: 'args',
      expected: `${params.length} arguments, not ${args.length}`,
    });
  const sizeBytes = params.reduce((sum, type) => sum + sizeOfNumber(type), 0);
  if (sizeBytes > maxInputBytes)
    throw runtimeChildError('HS_RUNTIME_INPUT_LIMIT', { sizeBytes, limitBytes: maxInputBytes });
  return params.map((type, at) => toWire(args[at], type, `args[${at}]`));
}
