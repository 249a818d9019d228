import { readFile, statfs } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { MetricSample, MetricsRegistry } from './metrics-registry.ts';

/** What is told of the machine and of this process. @public */
export interface HostMetricsOptions {
  /** A folder on the disk that matters: the program's data. */
  readonly dataDirectory: string;
  /** What the program counts as, e.g. `server`: the value of the label `program`. */
  readonly program: string;
  readonly version: string;
}

const startedSeconds = Math.floor(Date.now() / 1_000 - process.uptime());

/**
 * Processor, memory, disk and network of the machine, and what this process takes of them. Names begin with `wasm_host_`
 * and `wasm_process_`; network counters are there on Linux only.
 * @public
 */
export function registerHostMetrics(registry: MetricsRegistry, options: HostMetricsOptions): void {
  const { program, version, dataDirectory } = options;
  registry.gauge('wasm_build_info', 'Version of the program; the value is always 1.', () => [
    { labels: { program, version, node: process.version }, value: 1 },
  ]);
  registry.counted('wasm_host_cpu_seconds_total', 'Processor time of the machine over all cores.', readProcessor);
  registry.gauge('wasm_host_cpu_cores', 'Cores of the machine.', () => cpus().length);
  registry.gauge('wasm_host_memory_total_bytes', 'Memory of the machine.', totalmem);
  registry.gauge('wasm_host_memory_available_bytes', 'Memory that programs could still get.', freemem);
  registerDisk(registry, dataDirectory);
  registry.counted('wasm_host_network_receive_bytes_total', 'Bytes that network devices have received.', () =>
    readNetwork(0),
  );
  registry.counted('wasm_host_network_transmit_bytes_total', 'Bytes that network devices have sent.', () =>
    readNetwork(8),
  );
  registerProcess(registry);
}

function registerDisk(registry: MetricsRegistry, dataDirectory: string): void {
  registry.gauge('wasm_host_disk_total_bytes', 'Size of the disk that holds the data directory.', async () => {
    const { blocks, bsize } = await statfs(dataDirectory);
    return blocks * bsize;
  });
  registry.gauge('wasm_host_disk_available_bytes', 'What the program may still write there.', async () => {
    const { bavail, bsize } = await statfs(dataDirectory);
    return bavail * bsize;
  });
}

function registerProcess(registry: MetricsRegistry): void {
  registry.counted('wasm_process_cpu_seconds_total', 'Processor time of this process.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000_000;
  });
  registry.gauge('wasm_process_resident_memory_bytes', 'Memory that this process holds.', () =>
    process.memoryUsage.rss(),
  );
  registry.gauge('wasm_process_heap_used_bytes', 'JavaScript objects of this process.', () => {
    return process.memoryUsage().heapUsed;
  });
  registry.gauge('wasm_process_start_time_seconds', 'Unix time at which this process began.', () => startedSeconds);
}

function readProcessor(): readonly MetricSample[] {
  const spent = { user: 0, system: 0, idle: 0 };
  for (const { times } of cpus()) {
    spent.user += times.user + times.nice;
    spent.system += times.sys + times.irq;
    spent.idle += times.idle;
  }
  return Object.entries(spent).map(([mode, ms]) => ({ labels: { mode }, value: ms / 1_000 }));
}

/** Most devices that are told of; machines with containers have hundreds that come and go. */
const mostDevices = 32;

/** Column 0 holds received bytes, column 8 sent ones. */
async function readNetwork(column: 0 | 8): Promise<readonly MetricSample[]> {
  const lines = (await readFile('/proc/net/dev', 'utf8')).split('\n').slice(2);
  return lines
    .map((line) => /^\s*([^:]+):\s*(.*)$/.exec(line))
    .filter((parts) => parts !== null)
    .filter(([, device]) => !/^(?:lo|veth)/.test(device ?? ''))
    .slice(0, mostDevices)
    .map(([, device = '', columns = '']) => ({
      labels: { device },
      value: Number(columns.split(/\s+/)[column] ?? 0),
    }));
}
