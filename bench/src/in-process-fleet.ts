import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EdgeAgent, composeAgent, noGrants } from '@hotswap/edge-agent';
import type { HotSwapClient } from '@hotswap/protocol';
import { wasmtime } from '@hotswap/runtime-wasmtime';

/** How many nodes come up at once: joining is not what is measured. */
const startedTogether = 10;

export interface FleetOptions {
  readonly url: string;
  readonly client: HotSwapClient;
  readonly directory: string;
  readonly nodes: number;
}

/** Real agents with real runtimes, all in this process; they share the engines and the cache of compiled code. */
export class InProcessFleet implements AsyncDisposable {
  readonly #agents: EdgeAgent[] = [];

  /** Starts the agents and waits until the server calls all of them healthy. */
  async start({ url, client, directory, nodes }: FleetOptions): Promise<void> {
    const { token } = await client.nodes.createJoinToken({ uses: nodes });
    for (let from = 0; from < nodes; from += startedTogether) {
      const numbers = Array.from({ length: Math.min(startedTogether, nodes - from) }, (_, i) => from + i);
      await Promise.all(
        numbers.map((number) => this.#startOne(`edge-${String(number).padStart(3, '0')}`, url, token, directory)),
      );
    }
    while ((await countHealthy(client)) < nodes) await sleep(100);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
  }

  async #startOne(nodeId: string, url: string, joinToken: string, directory: string): Promise<void> {
    const dataDirectory = join(directory, nodeId);
    await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
    const runtime = await wasmtime({ cacheDirectory: join(directory, 'compiled') });
    const agent = await composeAgent(
      {
        nodeId,
        region: 'bench',
        labels: {},
        orchestratorApiUrl: url,
        runtime: 'wasmtime',
        maxModules: 1_000,
        heartbeatIntervalMs: 30_000,
        hardware: { cpuCores: 1, totalMemoryMB: 1_024, architecture: 'x86_64' },
        dataDirectory,
        dataPlaneHost: '127.0.0.1',
        dataPlanePort: 0,
        httpHost: '127.0.0.1',
        httpPort: 0,
        metricsHost: '127.0.0.1',
        metricsPort: 0,
        joinToken,
        cacheMaxSizeBytes: 1_073_741_824,
        keepVersions: 2,
        log: { maxBytes: 1_048_576, maxLines: 1_000 },
        grants: noGrants,
        drainGraceMs: 0,
        drainDeadlineMs: 30_000,
        loadConcurrency: 4,
        loadRetryMs: 30_000,
        logLevel: 'silent',
        experimental: [],
        trustedProxies: [],
      },
      { runtime },
    );
    this.#agents.push(agent);
    await agent.start();
  }
}

async function countHealthy(client: HotSwapClient): Promise<number> {
  let healthy = 0;
  for (let cursor: string | undefined; ;) {
    const page = await client.nodes.list({ limit: 200, ...(cursor === undefined ? {} : { cursor }) });
    healthy += page.nodes.filter(({ status }) => status === 'Healthy').length;
    if (page.nextCursor === null) return healthy;
    cursor = page.nextCursor;
  }
}
