import { maxLineChars, shownLine } from '@hotswap/protocol';

/** Lines of a guest's output, and how many bytes they were made of. @internal */
export interface ShownLines {
  readonly lines: readonly string[];
  readonly readBytes: number;
}

/** A guest's output as lines, with no more of it held than they need. @internal */
export function shownLines(bytes: Uint8Array, maxLines: number): ShownLines {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  let from = 0;
  while (from < buffer.length && lines.length < maxLines) {
    const found = buffer.indexOf(0x0a, from);
    const end = found < 0 ? buffer.length : found;
    const last = end > from && buffer[end - 1] === 0x0d ? end - 1 : end;
    // Enough for the characters that are shown, whatever they are encoded as.
    lines.push(shownLine(buffer.toString('utf8', from, Math.min(last, from + 4 * (maxLineChars + 1)))));
    from = end + 1;
  }
  return { lines, readBytes: Math.min(from, buffer.length) };
}
