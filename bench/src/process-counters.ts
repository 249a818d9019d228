import { readFile } from 'node:fs/promises';

/** What another process holds and has done so far; zeros where the system does not tell. */
export interface ProcessCounters {
  readonly residentMb: number;
  /** Handed to the storage below by any file, the database's first of all. */
  readonly writtenMb: number;
}

/** Reads them from `/proc`. */
export async function processCounters(pid: number): Promise<ProcessCounters> {
  const read = async (name: string, pattern: RegExp): Promise<number> =>
    Number(pattern.exec(await readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => ''))?.[1] ?? 0);
  return {
    residentMb: (await read('status', /^VmRSS:\s+(\d+) kB/m)) / 1_024,
    writtenMb: (await read('io', /^write_bytes:\s+(\d+)/m)) / 1_048_576,
  };
}
