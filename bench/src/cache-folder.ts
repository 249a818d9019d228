import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** A folder that stays between runs, for what takes minutes to make. */
export function cacheFolder(name: string): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(process.env['HOTSWAP_CACHE_DIR'] ?? join(base, 'hotswap'), name);
}
