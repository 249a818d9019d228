/** Characters of one line; the rest is left out. @internal */
export const maxLineChars = 2_000;

/** Characters that move a cursor, turn the direction of writing, or otherwise do more than be read. */
// eslint-disable-next-line no-control-regex -- these are what is looked for
const acting = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A guest's line as text that does nothing to whoever shows it, cut to a length. @internal */
export function shownLine(text: string): string {
  const harmless = text
    .slice(0, maxLineChars + 1)
    .toWellFormed()
    .replaceAll(acting, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`);
  return harmless.length > maxLineChars ? `${harmless.slice(0, maxLineChars).toWellFormed()}…` : harmless;
}

/** A guest's output as lines, with no more of it held than they need. @internal */
export function shownLines(bytes: Uint8Array): readonly string[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  for (let from = 0; from < buffer.length;) {
    const found = buffer.indexOf(0x0a, from);
    const end = found < 0 ? buffer.length : found;
    const last = end > from && buffer[end - 1] === 0x0d ? end - 1 : end;
    // Enough for the characters that are shown, whatever they are encoded as.
    lines.push(shownLine(buffer.toString('utf8', from, Math.min(last, from + 4 * (maxLineChars + 1)))));
    from = end + 1;
  }
  return lines;
}
