/** Characters of one line of a node's log; the rest is left out. @public */
export const maxLineChars = 2_000;

/** Characters that move a cursor, turn the direction of writing, or otherwise do more than be read. */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const acting = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (char: string): string => `\\u{${char.charCodeAt(0).toString(16)}}`;

/** A stranger's text as one line that does nothing to whoever shows it, cut to {@link maxLineChars} and then `…`. @public */
export function shownLine(text: string): string {
  const harmless = text
    .slice(0, maxLineChars + 1)
    .toWellFormed()
    .replaceAll(acting, escaped);
  return harmless.length > maxLineChars ? `${harmless.slice(0, maxLineChars).toWellFormed()}…` : harmless;
}

/**
 * Text of several lines that does nothing to whoever shows it.
 * @param spare What stays as it is, such as the colours that a program adds itself. Default: line ends only.
 * @public
 */
export function shownText(text: string, spare: RegExp = /\n/): string {
  const either = new RegExp(`(${spare.source}|\\n)|${acting.source}`, 'g');
  return text.toWellFormed().replaceAll(either, (found: string, own: string | undefined) => own ?? escaped(found));
}
