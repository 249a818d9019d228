import { readFile } from 'node:fs/promises';
import process from 'node:process';

/** Resident bytes and, on Linux, memory mappings of this process; 0 mappings elsewhere. */
export async function processMemory(): Promise<{ readonly residentBytes: number; readonly mappings: number }> {
  const maps = await readFile('/proc/self/maps', 'utf8').catch(() => '');
  return { residentBytes: process.memoryUsage.rss(), mappings: maps.split('\n').length - 1 };
}
