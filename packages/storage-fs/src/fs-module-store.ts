import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  digestSchema,
  isHotSwapError,
  type Digest,
  type ModuleStore,
  type ModuleStoreCapabilities,
  type StoredModule,
} from '@hotswap/core';
import { storeError } from './error-codes.ts';

/**
 * Where and how modules are kept.
 * @public
 */
export interface FsModuleStoreOptions {
  /** Root of the store; created with mode 0700 when it is not there. One store may have it open at a time. */
  readonly directory: string;
}

/** Large enough that a module takes few reads, small enough that many readers fit in memory. */
const chunkBytes = 256 * 1_024;
/** Folder of writes under way: on the same file system as the objects, so that a rename puts them in place. */
const pendingFolder = 'pending';

/**
 * Opens a store in a directory and removes what writes that a crash interrupted have left behind.
 *
 * Objects are files named `<first two digits>/<digest>.wasm`. They appear by an atomic rename after their content has
 * been verified and flushed, so that whatever is there is whole.
 * @throws HS_STORE_FAILED when the directory cannot be used
 * @public
 */
export async function fsModuleStore(options: FsModuleStoreOptions): Promise<ModuleStore> {
  const root = resolve(options.directory);
  const pending = join(root, pendingFolder);
  await attempt('open its directory', async () => {
    await mkdir(pending, { recursive: true, mode: 0o700 });
    for (const left of await readdir(pending)) await unlink(join(pending, left));
  });
  return new FsModuleStore(root, pending);
}

class FsModuleStore implements ModuleStore {
  readonly name = 'fs';
  readonly capabilities: ModuleStoreCapabilities = { presign: false };
  readonly #root: string;
  readonly #pending: string;

  constructor(root: string, pending: string) {
    this.#root = root;
    this.#pending = pending;
  }

  async put(
    digest: Digest,
    bytes: AsyncIterable<Uint8Array>,
    options: { readonly maxSizeBytes?: number } = {},
  ): Promise<StoredModule> {
    const path = this.#pathOf(digest);
    const draft = join(this.#pending, `${digest}.${randomBytes(8).toString('hex')}`);
    try {
      const file = await attempt('create a file', () => open(draft, 'wx', 0o600));
      const sizeBytes = await writeVerified(file, digest, bytes, options.maxSizeBytes ?? Infinity);
      await attempt('keep a module', () => putInPlace(draft, path));
      return { digest, sizeBytes };
    } catch (error) {
      await unlink(draft).catch(() => undefined);
      throw error;
    }
  }

  async *get(
    digest: Digest,
    range: { readonly from: number; readonly to?: number } = { from: 0 },
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const file = await this.#open(digest);
    try {
      const { size } = await file.stat();
      const end = Math.min(size, range.to ?? size);
      for (let at = Math.max(0, range.from); at < end;) {
        const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - at));
        const position = at;
        const { bytesRead } = await attempt('read a module', () => file.read(chunk, 0, chunk.length, position));
        if (bytesRead === 0)
          throw storeError('HS_STORE_FAILED', { what: 'read a module', why: 'the file is shorter than it was' });
        at += bytesRead;
        yield chunk.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async stat(digest: Digest): Promise<StoredModule | null> {
    const path = this.#pathOf(digest);
    const found = await attempt('look a module up', () => absentAsNull(stat(path)));
    return found === null ? null : { digest, sizeBytes: found.size };
  }

  async delete(digest: Digest): Promise<void> {
    const path = this.#pathOf(digest);
    await attempt('delete a module', () => absentAsNull(unlink(path)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is held between calls.
  }

  /** A digest becomes part of a path: nothing but a digest may. */
  #pathOf(digest: Digest): string {
    if (!digestSchema.safeParse(digest).success)
      throw storeError('HS_STORE_INVALID_DIGEST', { digest: String(digest).slice(0, 100) });
    return join(this.#root, digest.slice(0, 2), `${digest}.wasm`);
  }

  async #open(digest: Digest): Promise<FileHandle> {
    const path = this.#pathOf(digest);
    const file = await attempt('open a module', () =>
      absentAsNull(open(path, constants.O_RDONLY | constants.O_NOFOLLOW)),
    );
    if (file === null) throw storeError('HS_STORE_NOT_FOUND', { digest });
    return file;
  }
}

/** Writes and flushes the bytes; closes the file in any case. What the source throws goes through as it is. */
async function writeVerified(
  file: FileHandle,
  digest: Digest,
  bytes: AsyncIterable<Uint8Array>,
  maxSizeBytes: number,
): Promise<number> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of bytes) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxSizeBytes) throw storeError('HS_STORE_TOO_LARGE', { maxSizeBytes });
      hash.update(chunk);
      await attempt('write a module', () => file.writeFile(chunk));
    }
    const actual = hash.digest('hex');
    if (actual !== digest) throw storeError('HS_STORE_DIGEST_MISMATCH', { expected: digest, actual });
    await attempt('flush a module', () => file.sync());
    return sizeBytes;
  } finally {
    await file.close();
  }
}

/** The rename is what makes the object visible; flushing the folder is what makes it survive a power cut. */
async function putInPlace(draft: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rename(draft, path);
  const folder = await open(dirname(path), constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function absentAsNull<Result>(call: Promise<Result>): Promise<Result | null> {
  try {
    return await call;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Errors of the file system name paths, which callers must not see: they become the cause. */
async function attempt<Result>(what: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (isHotSwapError(error)) throw error;
    const why = codeOf(error) ?? 'unknown';
    if (why === 'ENOSPC' || why === 'EDQUOT') throw storeError('HS_STORE_DISK_FULL', {}, error);
    throw storeError('HS_STORE_FAILED', { what, why }, error);
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
