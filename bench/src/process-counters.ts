import { readFile } from 'node:fs/promises';

/** What another process holds and has done so far; zeros where the system does not tell. */
export interface ProcessCounters {
  readonly residentMb: number;
  /** Handed to the storage below by any file, the database's first of all. */
  readonly writtenMb: number;
  /** Time that its threads have computed: on a busy machine the only time that says something. */
  readonly computedMs: number;
}

const ticksPerSecond = 100;

/** Reads them from `/proc`. */
export async function processCounters(pid: number): Promise<ProcessCounters> {
  const read = async (name: string, pattern: RegExp): Promise<number> =>
    Number(pattern.exec(await readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => ''))?.[1] ?? 0);
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the program's name in brackets, which may hold anything; user and system time are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    computedMs: ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1_000) / ticksPerSecond,
    residentMb: (await read('status', /^VmRSS:\s+(\d+) kB/m)) / 1_024,
    writtenMb: (await read('io', /^write_bytes:\s+(\d+)/m)) / 1_048_576,
  };
}
