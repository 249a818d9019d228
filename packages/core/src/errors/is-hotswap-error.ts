import { brand, type HotSwapError } from './hotswap-error.ts';

/**
 * Whether a thrown value is a {@link HotSwapError}, and, with a code, whether it is that one. Works across two loaded
 * copies of this package, where `instanceof` does not.
 * @public
 */
export function isHotSwapError<C extends string = string>(
  value: unknown,
  code?: C,
): value is HotSwapError & { readonly code: C } {
  if (value === null || typeof value !== 'object' || (value as { [brand]?: unknown })[brand] !== true) return false;
  return code === undefined || (value as HotSwapError).code === code;
}
