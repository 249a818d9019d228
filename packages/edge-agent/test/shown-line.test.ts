import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxLineChars, shownLine } from '@hotswap/protocol';
import { shownLines } from '../src/log/shown-line.ts';

const linesOf = (bytes: Uint8Array): readonly string[] => shownLines(bytes, Infinity).lines;
const lines = (text: string): readonly string[] => linesOf(Buffer.from(text));

describe('shownLines', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    ['one', ['one']],
    ['one\n', ['one']],
    ['one\r\ntwo\n\nfour', ['one', 'two', '', 'four']],
    ['\n', ['']],
    ['tab\tstays', ['tab\tstays']],
    ['\u001b[2Jred\u0007', ['\\u{1b}[2Jred\\u{7}']],
    ['a\u202eb\u2066c', ['a\\u{202e}b\\u{2066}c']],
    ['over\rwritten', ['over\\u{d}written']],
  ])('makes of %j the lines %j', (text, expected) => {
    expect(lines(text)).toEqual(expected);
  });

  it('shows bytes that are no text as what they are', () => {
    expect(linesOf(Uint8Array.of(0x61, 0xff, 0x0a, 0x00))).toEqual(['a\ufffd', '\\u{0}']);
  });

  it('cuts long lines, whatever they are made of, and says so', () => {
    for (const char of ['x', 'ä', '漢', '😀', '\u0000']) {
      const [line = '', rest] = lines(`${char.repeat(3_000)}\nnext`);
      expect(line.length).toBeLessThanOrEqual(maxLineChars + 1);
      expect(line.endsWith('…')).toBe(true);
      expect(line.isWellFormed()).toBe(true);
      expect(rest).toBe('next');
    }
    expect(shownLine('x'.repeat(maxLineChars))).toBe('x'.repeat(maxLineChars));
  });

  it('stops after so many lines and says how far it came', () => {
    expect(shownLines(Buffer.from('a\nb\r\nc'), 2)).toEqual({ lines: ['a', 'b'], readBytes: 5 });
    expect(shownLines(Buffer.from('a\nb'), 2)).toEqual({ lines: ['a', 'b'], readBytes: 3 });
    expect(shownLines(Buffer.from('a'), 0)).toEqual({ lines: [], readBytes: 0 });
  });

  it('makes no line that does anything to a terminal, whatever bytes there are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        for (const line of linesOf(bytes)) {
          // eslint-disable-next-line no-control-regex -- these must not be there
          expect(line).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
          expect(line.isWellFormed()).toBe(true);
        }
      }),
    );
  });
});
