import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isHotSwapError, type Digest } from '@hotswap/core';
import { syncFolder } from '../atomic-file.ts';
import { agentError } from '../error-codes.ts';

/** Bytes of a module as the server hands them out. @internal */
export interface ModuleStream {
  /** Position of the first byte: 0 unless the source honoured the wish to go on where a broken read had ended. */
  readonly fromByte: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Where modules that are not on this node come from. @internal */
export interface ModuleOrigin {
  /** @throws HS_AGENT_PULL_FAILED (worth another try), HS_AGENT_PULL_REFUSED */
  read(module: WantedModule, fromByte: number, signal: AbortSignal): Promise<ModuleStream>;
}

/** @internal */
export interface WantedModule {
  readonly moduleId: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

interface Entry {
  readonly sizeBytes: number;
  /** Order of last use; the smallest goes first. */
  usedAt: number;
}

/** Tries to go on with a read that broke off before giving up on this pull. */
const maxResumes = 5;

/**
 * Module bytes on this node, one file per digest. Files appear whole and verified or not at all. Beyond its size the
 * cache drops what was not used for the longest time, never what is pinned.
 * @internal
 */
export class ModuleCache {
  readonly #folder: string;
  readonly #maxSizeBytes: number;
  readonly #entries = new Map<Digest, Entry>();
  readonly #pins = new Map<Digest, number>();
  readonly #pulls = new Map<Digest, Promise<string>>();
  /** Of no use any more, but still pinned. */
  readonly #unwanted = new Set<Digest>();
  #sizeBytes = 0;
  /** Of pulls under way, so that two of them do not count on the same room. */
  #reservedBytes = 0;
  #uses = 0;

  private constructor(folder: string, maxSizeBytes: number) {
    this.#folder = folder;
    this.#maxSizeBytes = maxSizeBytes;
  }

  /** Opens a folder, which is created when absent; what interrupted pulls left behind is removed. */
  static async open(folder: string, maxSizeBytes: number): Promise<ModuleCache> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const cache = new ModuleCache(folder, maxSizeBytes);
    const found: { readonly digest: Digest; readonly sizeBytes: number; readonly at: number }[] = [];
    for (const name of await readdir(folder)) {
      const digest = /^([0-9a-f]{64})\.wasm$/.exec(name)?.[1];
      if (digest === undefined) await rm(join(folder, name), { force: true, recursive: true });
      else {
        const { size, mtimeMs } = await stat(join(folder, name));
        found.push({ digest, sizeBytes: size, at: mtimeMs });
      }
    }
    for (const { digest, sizeBytes } of found.sort((a, b) => a.at - b.at)) cache.#add(digest, sizeBytes);
    return cache;
  }

  /** Bytes of all files. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  has(digest: Digest): boolean {
    return this.#entries.has(digest);
  }

  /** Keeps a module from being dropped until it is unpinned as often. */
  pin(digest: Digest): void {
    this.#unwanted.delete(digest);
    this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
  }

  unpin(digest: Digest): void {
    const pins = (this.#pins.get(digest) ?? 0) - 1;
    if (pins > 0) {
      this.#pins.set(digest, pins);
      return;
    }
    this.#pins.delete(digest);
    if (this.#unwanted.delete(digest)) this.drop(digest);
  }

  /** Deletes a file that nobody needs again as soon as it is not pinned; a new pin before that keeps it. */
  drop(digest: Digest): void {
    if (this.#pins.has(digest)) this.#unwanted.add(digest);
    // What cannot be deleted now is found again at the next start.
    else this.discard(digest).catch(() => undefined);
  }

  /**
   * Path of the module's file, pulled from the origin when it is not here. Concurrent calls for one digest share a pull.
   * The content of a file that is here already is not read: runtimes verify it, and `discard` it when it is damaged.
   * @throws HS_AGENT_CACHE_FULL, HS_AGENT_DISK_FULL, HS_AGENT_DIGEST_MISMATCH and the codes of the origin
   */
  async ensure(module: WantedModule, origin: ModuleOrigin, signal: AbortSignal): Promise<string> {
    const { digest } = module;
    const running = this.#pulls.get(digest);
    if (running !== undefined) {
      const path = await running.catch(() => undefined);
      return path ?? this.ensure(module, origin, signal);
    }
    signal.throwIfAborted();
    const entry = this.#entries.get(digest);
    const path = this.#path(digest);
    if (entry !== undefined) {
      if (await this.#isIntact(path, module.sizeBytes)) {
        this.#touch(entry, path);
        return path;
      }
      await this.discard(digest);
    }
    const pull = this.#pull(module, origin, signal).finally(() => this.#pulls.delete(digest));
    this.#pulls.set(digest, pull);
    return pull;
  }

  /** Deletes a file, e.g. because it is damaged. */
  async discard(digest: Digest): Promise<void> {
    const entry = this.#entries.get(digest);
    if (entry !== undefined) {
      this.#entries.delete(digest);
      this.#sizeBytes -= entry.sizeBytes;
    }
    await rm(this.#path(digest), { force: true });
  }

  async #pull(module: WantedModule, origin: ModuleOrigin, signal: AbortSignal): Promise<string> {
    const temporary = join(this.#folder, `${module.digest}.${randomUUID()}.part`);
    this.#reservedBytes += module.sizeBytes;
    try {
      await this.#makeRoom();
      const file = await open(temporary, 'wx', 0o600);
      try {
        await fetchInto(file, module, origin, signal);
        await file.sync();
      } finally {
        await file.close();
      }
      const path = this.#path(module.digest);
      await rename(temporary, path);
      await syncFolder(this.#folder);
      this.#add(module.digest, module.sizeBytes);
      return path;
    } catch (error) {
      await rm(temporary, { force: true });
      const { code } = error as NodeJS.ErrnoException;
      throw code === 'ENOSPC' || code === 'EDQUOT' ? agentError('HS_AGENT_DISK_FULL', {}, error) : error;
    } finally {
      this.#reservedBytes -= module.sizeBytes;
    }
  }

  async #makeRoom(): Promise<void> {
    const unused = [...this.#entries]
      .filter(([digest]) => !this.#pins.has(digest))
      .sort((a, b) => a[1].usedAt - b[1].usedAt);
    for (const [digest] of unused) {
      if (this.#sizeBytes + this.#reservedBytes <= this.#maxSizeBytes) return;
      await this.discard(digest);
    }
    if (this.#sizeBytes + this.#reservedBytes <= this.#maxSizeBytes) return;
    throw agentError('HS_AGENT_CACHE_FULL', { sizeBytes: this.#reservedBytes, maxSizeBytes: this.#maxSizeBytes });
  }

  async #isIntact(path: string, sizeBytes: number): Promise<boolean> {
    const found = await stat(path).catch(() => undefined);
    return found?.size === sizeBytes;
  }

  #touch(entry: Entry, path: string): void {
    entry.usedAt = ++this.#uses;
    const now = new Date();
    // Only the order after a restart depends on it.
    utimes(path, now, now).catch(() => undefined);
  }

  #add(digest: Digest, sizeBytes: number): void {
    this.#entries.set(digest, { sizeBytes, usedAt: ++this.#uses });
    this.#sizeBytes += sizeBytes;
  }

  #path(digest: Digest): string {
    return join(this.#folder, `${digest}.wasm`);
  }
}

/** Streams a module into a file, going on by range where a read breaks off, and verifies its size and digest. */
async function fetchInto(
  file: FileHandle,
  module: WantedModule,
  origin: ModuleOrigin,
  signal: AbortSignal,
): Promise<void> {
  let hash = createHash('sha256');
  let written = 0;
  for (let resumes = 0; ; resumes++) {
    const before = written;
    try {
      const { fromByte, chunks } = await origin.read(module, written, signal);
      if (fromByte !== written) {
        hash = createHash('sha256');
        written = 0;
      }
      for await (const chunk of chunks) {
        if (written + chunk.byteLength > module.sizeBytes) throw mismatch(module, 'more bytes than announced');
        await file.write(chunk, 0, chunk.byteLength, written);
        hash.update(chunk);
        written += chunk.byteLength;
      }
      break;
    } catch (error) {
      signal.throwIfAborted();
      const brokeOff = isHotSwapError(error) && error.retryable && written > before;
      if (!brokeOff || resumes >= maxResumes) throw error;
    }
  }
  const actual = hash.digest('hex');
  if (actual !== module.digest) throw mismatch(module, actual);
}

function mismatch(module: WantedModule, actual: string): Error {
  return agentError('HS_AGENT_DIGEST_MISMATCH', { moduleId: module.moduleId, digest: module.digest, actual });
}
