import type { Digest } from '../model/digest.ts';

/** What is known of a stored module without reading it. @public */
export interface StoredModule {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** What a store can do beyond the base; callers branch on it, the contract suite skips by it. @public */
export interface ModuleStoreCapabilities {
  /** `presign` is there. */
  readonly presign: boolean;
}

/**
 * Module bytes by content. Writing is atomic: a reader sees a whole object or none; writing the same bytes twice is one
 * object.
 * @public
 */
export interface ModuleStore extends AsyncDisposable {
  readonly name: string;
  readonly capabilities: ModuleStoreCapabilities;
  /**
   * Streams bytes in and verifies them against the digest before they become visible.
   * @throws HS_STORE_DIGEST_MISMATCH when the bytes have another digest; nothing is kept.
   * @throws HS_STORE_TOO_LARGE when more than `maxSizeBytes` arrive; nothing is kept.
   */
  put(
    digest: Digest,
    bytes: AsyncIterable<Uint8Array>,
    options?: { readonly maxSizeBytes?: number },
  ): Promise<StoredModule>;
  /**
   * Streams the object or the half-open byte range `[from, to)` of it; `to` beyond the end is cut.
   * @throws HS_STORE_NOT_FOUND
   */
  get(digest: Digest, range?: { readonly from: number; readonly to?: number }): AsyncIterable<Uint8Array>;
  /** `null` when there is no such object. */
  stat(digest: Digest): Promise<StoredModule | null>;
  /** Deletes an object; deleting what is not there succeeds. */
  delete(digest: Digest): Promise<void>;
  /** A URL from which the bytes can be read for that long; only with the capability. */
  presign?(digest: Digest, expiresInMs: number): Promise<string>;
}
