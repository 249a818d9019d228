import { digestSchema, sha256Hex, type Digest, type ModuleStore, type StoredModule } from '@hotswap/core';
import { fakeError } from '../fakes/testing-errors.ts';

/** Size of the pieces in which objects are read. */
const chunkSizeBytes = 65_536;

/**
 * Module bytes in memory, for tests and for embedding without a disk.
 * @public
 */
export class MemoryModuleStore implements ModuleStore {
  readonly name = 'memory';
  readonly capabilities = { presign: false } as const;
  readonly #objects = new Map<Digest, Uint8Array>();

  async put(
    digest: Digest,
    bytes: AsyncIterable<Uint8Array>,
    options: { readonly maxSizeBytes?: number } = {},
  ): Promise<StoredModule> {
    const key = digestSchema.parse(digest);
    const parts: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const part of bytes) {
      sizeBytes += part.length;
      if (options.maxSizeBytes !== undefined && sizeBytes > options.maxSizeBytes)
        throw fakeError('HS_STORE_TOO_LARGE', { maxSizeBytes: options.maxSizeBytes });
      parts.push(part.slice());
    }
    const whole = new Uint8Array(sizeBytes);
    parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
    const actual = await sha256Hex(whole);
    if (actual !== key) throw fakeError('HS_STORE_DIGEST_MISMATCH', { actual, expected: key });
    this.#objects.set(key, whole);
    return { digest: key, sizeBytes };
  }

  async *get(
    digest: Digest,
    range: { readonly from: number; readonly to?: number } = { from: 0 },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const whole = this.#objects.get(digestSchema.parse(digest));
    if (!whole) throw fakeError('HS_STORE_NOT_FOUND', { digest });
    const end = Math.min(range.to ?? whole.length, whole.length);
    for (let at = range.from; at < end; at += chunkSizeBytes) yield whole.slice(at, Math.min(end, at + chunkSizeBytes));
  }

  async stat(digest: Digest): Promise<StoredModule | null> {
    const whole = this.#objects.get(digestSchema.parse(digest));
    return whole ? { digest, sizeBytes: whole.length } : null;
  }

  async delete(digest: Digest): Promise<void> {
    this.#objects.delete(digestSchema.parse(digest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#objects.clear();
  }
}
