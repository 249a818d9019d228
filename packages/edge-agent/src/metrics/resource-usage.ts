import { cpus } from 'node:os';
import { usedMemoryBytes } from './host-memory.ts';

/** How busy the host is. @internal */
export interface HostUsage {
  /** Share of all cores that was busy since the last reading, 0-100. */
  readonly cpuUsagePercent: number;
  /** Memory of the host, or of the node's container, that is not available. */
  readonly memoryUsageMB: number;
}

/**
 * Reads the host's load for heartbeats (NOD-2, D-19). The first reading covers the time since construction.
 * @internal
 */
export class ResourceUsage {
  #last = readTimes();

  read(): HostUsage {
    const now = readTimes();
    const total = now.total - this.#last.total;
    const busy = now.busy - this.#last.busy;
    // Counters tick in 10 ms: closer readings would swing between 0 and 100.
    const cpuUsagePercent = total < 100 ? this.#lastPercent : Math.round((busy / total) * 1_000) / 10;
    if (total >= 100) this.#last = now;
    this.#lastPercent = cpuUsagePercent;
    return { cpuUsagePercent, memoryUsageMB: Math.round(usedMemoryBytes() / 1_048_576) };
  }

  #lastPercent = 0;
}

function readTimes(): { readonly busy: number; readonly total: number } {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const working = times.user + times.nice + times.sys + times.irq;
    busy += working;
    total += working + times.idle;
  }
  return { busy, total };
}
