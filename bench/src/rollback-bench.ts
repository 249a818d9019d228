import { join } from 'node:path';
import { startLocalCluster } from '@hotswap/local-cluster';
import type { HotSwapClient } from '@hotswap/protocol';
import { type Bench, type BenchContext, type BenchResult, atMost } from './bench.ts';
import { InProcessFleet } from './in-process-fleet.ts';
import { percentile } from './percentile.ts';
import { executed, journalOf, register, rollOut, untilStatus } from './rollout-times.ts';
import { scratchFolder } from './scratch-folder.ts';

const nodes = 100;
const rollbacks = 50;
/** Text 002 allows 10 s for blue-green and 60 s for rolling; the previous version is warm here. */
const boundMs = 1_000;

interface Rollback {
  /** From the request to the report of the last node that serves the previous version again. */
  readonly acknowledgedMs: number;
  /** The same, and every node found healthy. */
  readonly endedMs: number;
}

async function rollBack(client: HotSwapClient, moduleId: string): Promise<Rollback> {
  const deploymentId = await executed(client, { moduleId, strategy: 'AllAtOnce', retention: 'PT1H' });
  await untilStatus(client, deploymentId, 'Completed');
  const requestedAt = Date.now();
  await client.deployments.rollback(deploymentId, { reason: 'bench' });
  await untilStatus(client, deploymentId, 'RolledBack');
  const entries = await journalOf(client, deploymentId);
  const turned = entries.findLastIndex((entry) => entry.type === 'turned');
  // Server and bench read one machine's clock. The restore moves on once every node has reported, to ask for their health.
  const acknowledged = entries.slice(turned).find((entry) => entry.type === 'moved' || entry.type === 'ended');
  const closed = entries.findLast((entry) => entry.type === 'closed');
  return {
    acknowledgedMs: Date.parse(acknowledged?.at ?? '') - requestedAt,
    endedMs: Date.parse(closed?.at ?? '') - requestedAt,
  };
}

async function run({ say }: BenchContext): Promise<BenchResult> {
  await using folder = await scratchFolder();
  await using cluster = await startLocalCluster({ dataDirectory: join(folder.path, 'server'), nodes: [] });
  await using fleet = new InProcessFleet();
  const { client } = cluster;
  say(`server at ${cluster.url}; starting ${nodes} agents in this process ...`);
  await fleet.start({ url: cluster.url, client, directory: join(folder.path, 'nodes'), nodes });
  await rollOut(client, { moduleId: await register(client, 0), strategy: 'AllAtOnce', retention: 'PT0S' });
  const next = await register(client, 1);
  const all: Rollback[] = [];
  for (let n = 0; n < rollbacks; n++) {
    all.push(await rollBack(client, next));
    if ((n + 1) % 10 === 0) say(`${n + 1} rollbacks ...`);
  }
  const acknowledged = Float64Array.from(all, (one) => one.acknowledgedMs);
  const ended = Float64Array.from(all, (one) => one.endedMs);
  return {
    figures: {
      nodes,
      rollbacks,
      acknowledgedP50Ms: percentile(acknowledged, 0.5),
      acknowledgedP99Ms: percentile(acknowledged, 0.99),
      acknowledgedMaxMs: Math.max(...acknowledged),
      healthyP50Ms: percentile(ended, 0.5),
      healthyP99Ms: percentile(ended, 0.99),
    },
    ratios: {},
    targets: [
      atMost('rollback of 100 nodes to the last acknowledgement, p99 (ms)', percentile(acknowledged, 0.99), boundMs),
    ],
  };
}

export const rollbackBench: Bench = {
  name: 'rollback',
  summary: '50 rollbacks of 100 agents in one process, from the request to the last acknowledgement',
  run,
};
