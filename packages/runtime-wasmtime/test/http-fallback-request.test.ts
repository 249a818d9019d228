import { describe, expect, it } from 'vitest';
import type { HttpPlane as NativePlane } from '../binding.d.ts';
import { HttpFallbackRequest } from '../src/http-fallback-request.ts';

const head = ['GET', '/', 'a', 'http', '127.0.0.1', '1'];

const refusing = (refused: 'respond' | 'write'): HttpFallbackRequest => {
  const refuse = (): never => {
    throw new TypeError(`${refused} refuses it`);
  };
  const native = { respond: () => true, write: () => true, [refused]: refuse } as unknown as NativePlane;
  return new HttpFallbackRequest(native, 1, head, false);
};

/** An answer in pieces that knows whether it was given back, as one that reads a file must. */
const pieces = (): AsyncIterable<Uint8Array> & { isGivenBack: boolean } => ({
  isGivenBack: false,
  [Symbol.asyncIterator]() {
    return {
      next: () => Promise.resolve({ done: false, value: new Uint8Array(1) }),
      return: () => {
        this.isGivenBack = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  },
});

describe('an answer in pieces', () => {
  it.each(['respond', 'write'] as const)('is given back when the addon refuses to %s it', async (refused) => {
    const body = pieces();
    await expect(refusing(refused).stream({ status: 200 }, body)).rejects.toThrow('refuses it');
    expect(body.isGivenBack).toBe(true);
  });
});
