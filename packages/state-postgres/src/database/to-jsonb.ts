/**
 * JSON text that a `jsonb` column accepts: it refuses U+0000 and half surrogate pairs, which then become U+FFFD. Reports
 * of agents and messages of guests may hold either, and must not make a commit fail. What has to come back unchanged
 * stands in `json` columns instead.
 * @internal
 */
export function toJsonb(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return /\\u0000|\\ud[89a-f]/i.test(text) ? JSON.stringify(value, replaceUnstorable) : text;
}

/** The same for a value of a `text` column. @internal */
export function toText(value: string): string {
  return value.toWellFormed().replaceAll('\0', '\uFFFD');
}

function replaceUnstorable(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return toText(value);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [toText(key), member]));
}
