import { link, mkdir, open, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stateError } from '../error-codes.ts';
import { errorCode } from './translate-error.ts';

/** How often a holder shows that it lives; only holders on other hosts (or in other containers) are judged by it. */
const beatMs = 5_000;
/** Silence after which such a holder counts as dead: several beats, in case its host is busy. */
const silentAfterMs = 30_000;
/** Taking a lock over takes milliseconds; whoever needs longer has died on the way. */
const takeoverAfterMs = 10_000;

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, as the kernel tells it; tells a process from a later one with the same id. */
  readonly started: string | null;
}

const heldHere = new Set<string>();

/**
 * Keeps a second process out of a data directory. PGlite itself does not: two processes open one directory without any
 * error and lose each other's rows. The lock of a process that is gone is taken over.
 * @internal
 */
export class DataDirLock implements AsyncDisposable {
  readonly #path: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string) {
    this.#path = path;
    heldHere.add(path);
    this.#beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), beatMs);
    this.#beat.unref();
  }

  /**
   * Takes the lock; creates the directory (0700) if there is none.
   * @throws HS_STORE_DATA_DIR_LOCKED naming the process that holds it
   */
  static async acquire(directory: string): Promise<DataDirLock> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = resolve(directory, 'hotswap.lock');
    for (;;) {
      if (await create(path)) return new DataDirLock(path);
      const seen = await readText(path);
      if (seen === null) continue;
      const holder = parseHolder(seen);
      if (holder !== null && (await isAlive(path, holder))) {
        throw stateError('HS_STORE_DATA_DIR_LOCKED', { pid: holder.pid, host: holder.host });
      }
      if (await takeOver(path, seen)) return new DataDirLock(path);
      await delay(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#beat);
    if (!heldHere.delete(this.#path)) return;
    await unlink(this.#path).catch(() => undefined);
  }
}

const ownText = (): string =>
  JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid) } satisfies Holder);

/** Linked into place, so that nobody ever reads a lock that is half written. */
async function create(path: string): Promise<boolean> {
  const mine = `${path}.${process.pid}`;
  await writeFile(mine, ownText(), { mode: 0o600 });
  try {
    await link(mine, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(mine).catch(() => undefined);
  }
}

/** Replaces a dead holder's lock. A second file lets one process do that at a time; its own death is waited out. */
async function takeOver(path: string, seen: string): Promise<boolean> {
  const claim = `${path}.takeover`;
  try {
    await (await open(claim, 'wx', 0o600)).close();
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    const claimed = await stat(claim).catch(() => null);
    if (claimed !== null && Date.now() - claimed.mtimeMs > takeoverAfterMs) await unlink(claim).catch(() => undefined);
    return false;
  }
  try {
    if ((await readText(path)) !== seen) return false;
    const mine = `${path}.${process.pid}`;
    await writeFile(mine, ownText(), { mode: 0o600 });
    await rename(mine, path);
    return true;
  } finally {
    await unlink(claim).catch(() => undefined);
  }
}

async function isAlive(path: string, holder: Holder): Promise<boolean> {
  if (holder.host !== hostname()) {
    const file = await stat(path).catch(() => null);
    return file !== null && Date.now() - file.mtimeMs < silentAfterMs;
  }
  if (holder.pid === process.pid) return heldHere.has(path);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (errorCode(error) !== 'EPERM') return false;
  }
  return holder.started === null || holder.started === startOf(holder.pid);
}

/** Start time of a process in clock ticks since boot; `null` where the kernel has no such file. */
function startOf(pid: number): string | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold anything; the start time is the 20th after it.
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** `null` for a file that is none of ours. */
function parseHolder(text: string): Holder | null {
  try {
    const { pid, host, started } = JSON.parse(text) as Partial<Holder>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host, started: started ?? null } : null;
  } catch {
    return null;
  }
}
