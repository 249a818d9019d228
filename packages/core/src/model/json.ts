/**
 * Any value that survives `JSON.parse(JSON.stringify(value))` unchanged. Everything that enters a journal is of this type.
 * @public
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Writes a value as JSON with object keys in code-point order and `undefined` members left out, so that two equal
 * values have one text. Effects are compared and entries are hashed in this form: key order must never look like a
 * divergence.
 * @public
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sortKeys(value));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  const sorted: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value).sort()) {
    sorted[key] = sortKeys((value as Record<string, unknown>)[key]);
  }
  return sorted;
}

/**
 * Freezes a JSON value to its leaves and returns it. What a strategy is given is frozen, live and in replay alike, so
 * that code which changes its input fails at once instead of diverging later.
 * @public
 */
export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
