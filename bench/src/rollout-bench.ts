import { join } from 'node:path';
import { startLocalCluster } from '@hotswap/local-cluster';
import { type Bench, type BenchContext, type BenchResult, atMost } from './bench.ts';
import { processCounters } from './process-counters.ts';
import { register, rollOut } from './rollout-times.ts';
import { scratchFolder } from './scratch-folder.ts';
import { SimulatedAgents } from './simulated-agents.ts';

const nodes = 1_000;
const stages = [10, 25, 50, 100];
/** Seconds in which a rollout of everything at once, and a canary without waits, must be acknowledged by 1,000 nodes. */
const bounds = { allAtOnceMs: 10_000, canaryMs: 20_000 };

async function run({ say }: BenchContext): Promise<BenchResult> {
  await using folder = await scratchFolder();
  await using cluster = await startLocalCluster({ dataDirectory: join(folder.path, 'server'), nodes: [] });
  await using fleet = new SimulatedAgents();
  say(`server at ${cluster.url}; ${nodes} simulated agents join from this process ...`);
  const { client } = cluster;
  const startedMs = performance.now();
  await fleet.start(cluster.url, client, nodes);
  const joinMs = performance.now() - startedMs;

  const base = { retention: 'PT0S' };
  say('first release ...');
  await rollOut(client, { ...base, moduleId: await register(client, 0), strategy: 'AllAtOnce' });
  const before = await processCounters(cluster.server.pid);
  const heartbeatsBefore = fleet.heartbeats;
  say('all at once ...');
  const direct = await rollOut(client, { ...base, moduleId: await register(client, 1), strategy: 'AllAtOnce' });
  const between = await processCounters(cluster.server.pid);
  say(`canary ${stages.join(', ')} % without waits ...`);
  const canary = await rollOut(client, {
    ...base,
    moduleId: await register(client, 2),
    strategy: 'Canary',
    strategyConfig: { stages, evaluationPeriod: 'PT0.001S' },
  });
  const after = await processCounters(cluster.server.pid);
  return {
    figures: {
      nodes,
      joinMs,
      allAtOnceLastAcknowledgementMs: direct.lastAcknowledgementMs,
      allAtOnceCompletedMs: direct.completedMs,
      allAtOnceNodesServing: direct.nodesServing,
      allAtOnceServerComputedMs: between.computedMs - before.computedMs,
      allAtOnceServerWrittenMb: between.writtenMb - before.writtenMb,
      canaryLastAcknowledgementMs: canary.lastAcknowledgementMs,
      canaryCompletedMs: canary.completedMs,
      canaryEffectMeanMs: canary.acknowledgedEffectsMs / canary.acknowledgedEffects,
      canaryNodesServing: canary.nodesServing,
      canaryServerComputedMs: after.computedMs - between.computedMs,
      canaryServerWrittenMb: after.writtenMb - between.writtenMb,
      heartbeatsOfBoth: fleet.heartbeats - heartbeatsBefore,
      serverResidentMb: after.residentMb,
    },
    ratios: {},
    targets: [
      atMost(
        'all at once to the last acknowledgement of 1,000 nodes (ms)',
        direct.lastAcknowledgementMs,
        bounds.allAtOnceMs,
      ),
      atMost('canary without waits over 1,000 nodes (ms)', canary.completedMs, bounds.canaryMs),
      atMost('nodes that do not serve the release after all at once', nodes - direct.nodesServing, 0),
      atMost('nodes that do not serve the release after the canary', nodes - canary.nodesServing, 0),
      atMost('resident memory of the server (MB)', after.residentMb, 1_024),
    ],
  };
}

export const rolloutBench: Bench = {
  name: 'rollout',
  summary: 'rollouts to 1,000 simulated agents in one process, to the last acknowledgement',
  run,
};
