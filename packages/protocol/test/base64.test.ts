import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, encodeBase64 } from '@hotswap/protocol';

describe('base64', () => {
  it('gives back what it was given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(Buffer.from(decodeBase64(encodeBase64(bytes)) ?? [])).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('has one text for each value', () => {
    fc.assert(
      fc.property(fc.base64String(), (text) => {
        const bytes = decodeBase64(text);
        if (bytes) expect(encodeBase64(bytes)).toBe(text);
      }),
    );
  });

  it.each(['A', 'AAA', 'AA==\n', ' AAAA', 'AA-_', 'AAB=', 'A===', '====', 'AAAA====', 'ÄÄÄÄ'])('refuses %j', (text) => {
    expect(decodeBase64(text)).toBeNull();
  });
});
