import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '@hotswap/core';

const reference = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

describe('a digest', () => {
  it('is SHA-256 at every length around the blocks that it is made of', async () => {
    for (let length = 0; length <= 260; length++) {
      const bytes = Uint8Array.from({ length }, (_, n) => (n * 31 + length) & 0xff);
      expect(await sha256Hex(bytes), `${length} bytes`).toBe(reference(bytes));
    }
  });

  it('is the same on either side of the length from which the platform makes it', async () => {
    for (const length of [16_383, 16_384, 16_385, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, n) => (n * n) & 0xff);
      expect(await sha256Hex(bytes), `${length} bytes`).toBe(reference(bytes));
    }
  });

  it('takes text as UTF-8', async () => {
    for (const text of ['', 'abc', 'naïve ☃ 𝄞', '\ud800']) expect(await sha256Hex(text)).toBe(reference(text));
  });
});
