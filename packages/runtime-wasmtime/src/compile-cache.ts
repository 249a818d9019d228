import { randomBytes, randomUUID } from 'node:crypto';
import { link, lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { runtimeError } from './error-codes.ts';

/** Where compiled code is kept and what authenticates it; goes to the addon with every load. @internal */
export interface CompileCache {
  readonly directory: string;
  /** 32 bytes. */
  readonly keyHex: string;
}

/**
 * Creates or opens the cache below `base`: code in `code/`, the key in `mac.key` beside it, both for this user alone.
 * Compiled code is machine code that runs unchecked, so a folder or key that others can write or read is refused.
 * @throws HS_RUNTIME_CACHE_UNUSABLE
 * @internal
 */
export async function openCompileCache(base: string): Promise<CompileCache> {
  const directory = join(base, 'code');
  const keyFile = join(base, 'mac.key');
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await assertPrivate(base, 'folder');
    await assertPrivate(directory, 'folder');
    await createKey(keyFile);
    await assertPrivate(keyFile, 'file');
    const keyHex = (await readFile(keyFile, 'utf8')).trim();
    if (!/^[0-9a-f]{64}$/.test(keyHex)) throw unusable('its key is damaged; delete the cache folder');
    return { directory, keyHex };
  } catch (error) {
    if (error instanceof Error && 'errno' in error)
      throw unusable(`${String((error as NodeJS.ErrnoException).code)} while preparing it`, error);
    throw error;
  }
}

/** Two processes may start at once: the key is linked into place whole, and the first one stands. */
async function createKey(keyFile: string): Promise<void> {
  if ((await lstat(keyFile).catch(() => undefined)) !== undefined) return;
  const temporary = `${keyFile}.${randomUUID()}`;
  await writeFile(temporary, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(temporary, keyFile);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function assertPrivate(path: string, kind: 'folder' | 'file'): Promise<void> {
  const entry = await lstat(path);
  if (kind === 'folder' ? !entry.isDirectory() : !entry.isFile())
    throw unusable(`a ${kind} of it is something else, perhaps a link`);
  if (process.geteuid === undefined) return;
  if (entry.uid !== process.geteuid()) throw unusable(`a ${kind} of it belongs to another user`);
  if ((entry.mode & (kind === 'folder' ? 0o022 : 0o077)) !== 0)
    throw unusable(
      `others may ${kind === 'folder' ? 'write to a folder' : 'read a file'} of it (chmod ${kind === 'folder' ? '700' : '600'})`,
    );
}

function unusable(reason: string, cause?: unknown): Error {
  return runtimeError('HS_RUNTIME_CACHE_UNUSABLE', { reason }, cause);
}
