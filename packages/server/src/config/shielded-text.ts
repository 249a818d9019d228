/** What separates the parts of connection strings. */
const separators = ';,="\' ';
/** First of as many code points that no text has. */
const base = 0xe000;

/**
 * Hides the separators of connection strings in a value that is put into one, so that a password may hold them.
 * @internal
 */
export function shield(value: string): string {
  return value.replaceAll(/[;,="' ]/g, (character) => String.fromCodePoint(base + separators.indexOf(character)));
}

/** The value again, once the string around it has been taken apart. @internal */
export function unshield(value: string): string {
  return value.replaceAll(/[\ue000-\ue005]/g, (hidden) => separators[(hidden.codePointAt(0) ?? base) - base] ?? '');
}
