import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxLineChars, shownLine, shownText } from '@hotswap/protocol';

// eslint-disable-next-line no-control-regex -- these must not be there
const acting = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

describe('shownText', () => {
  it('keeps line ends and tabs, and shows what would act', () => {
    expect(shownText('a\n\tb\r\u001b[31mc\u009b')).toBe('a\n\tb\\u{d}\\u{1b}[31mc\\u{9b}');
  });

  it('spares what it is told to spare, and nothing like it', () => {
    // eslint-disable-next-line no-control-regex -- a colour
    expect(shownText('\u001b[31mred\u001b[8mhidden\n', /\u001b\[31m/)).toBe('\u001b[31mred\\u{1b}[8mhidden\n');
  });

  it('has nothing left that acts, whatever there was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(shownText(text)).not.toMatch(acting);
        expect(shownText(text).isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('shownLine', () => {
  it('is one line of a bounded length', () => {
    expect(shownLine('a\nb')).toBe('a\\u{a}b');
    expect(shownLine('x'.repeat(3_000))).toBe(`${'x'.repeat(maxLineChars)}…`);
  });
});
