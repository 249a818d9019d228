import { join } from 'node:path';
import { startLocalCluster } from '@hotswap/local-cluster';
import type { CreateDeploymentRequest, HotSwapClient } from '@hotswap/protocol';
import { type Bench, type BenchContext, type BenchResult, atMost } from './bench.ts';
import { guestModule } from './guest-module.ts';
import { InProcessFleet } from './in-process-fleet.ts';
import { scratchFolder } from './scratch-folder.ts';

const nodes = 100;
/** Watching is waiting; what is measured is the time beside it. */
const evaluationPeriodMs = 1_000;
const stages = [10, 25, 50, 100];

/** From the execute command, by the database's clock. */
interface RolloutTimes {
  /** Until the last node had taken the last change of traffic. */
  readonly lastAcknowledgementMs: number;
  readonly completedMs: number;
  /** Sum over the effects that nodes acknowledge: deploy and shiftTraffic. */
  readonly acknowledgedEffectsMs: number;
  readonly acknowledgedEffects: number;
  readonly nodesServing: number;
}

async function rollOut(client: HotSwapClient, deployment: CreateDeploymentRequest): Promise<RolloutTimes> {
  const { deploymentId } = await client.deployments.create(deployment);
  await client.deployments.execute(deploymentId);
  let status = '';
  for await (const event of client.deployments.watch(deploymentId))
    if (event.kind === 'status') status = event.deployment.status;
  if (status !== 'Completed') throw new RangeError(`the rollout by ${deployment.strategy} ended as ${status}`);
  const { nodes: outcomes = [] } = await client.deployments.get(deploymentId);
  return {
    ...(await timesOf(client, deploymentId)),
    nodesServing: outcomes.filter(({ state, weight }) => state === 'ready' && weight > 0).length,
  };
}

async function timesOf(client: HotSwapClient, deploymentId: string): Promise<Omit<RolloutTimes, 'nodesServing'>> {
  const { entries } = await client.deployments.journal(deploymentId, { limit: 200 });
  let executedMs = 0;
  let lastAcknowledgementMs = 0;
  let completedMs = 0;
  const began = new Map<number, { readonly kind: string; readonly atMs: number }>();
  const tookMs: number[] = [];
  for (const { type, at, entry } of entries) {
    const atMs = Date.parse(at);
    const { step = -1, effect } = entry as { readonly step?: number; readonly effect?: { readonly kind: string } };
    if (type === 'executed') executedMs = atMs;
    if (type === 'began' && effect !== undefined) began.set(step, { kind: effect.kind, atMs });
    const start = type === 'ended' ? began.get(step) : undefined;
    if (start?.kind === 'deploy' || start?.kind === 'shiftTraffic') {
      tookMs.push(atMs - start.atMs);
      lastAcknowledgementMs = atMs - executedMs;
    }
    if ((type === 'closed' || type === 'turned') && completedMs === 0) completedMs = atMs - executedMs;
  }
  return {
    lastAcknowledgementMs,
    completedMs,
    acknowledgedEffectsMs: tookMs.reduce((sum, ms) => sum + ms, 0),
    acknowledgedEffects: tookMs.length,
  };
}

async function register(client: HotSwapClient, patch: number): Promise<string> {
  const { moduleId } = await client.modules.register({
    name: 'adder',
    version: `1.0.${patch}`,
    wasm: guestModule({ offset: patch }),
  });
  return moduleId;
}

async function run({ say }: BenchContext): Promise<BenchResult> {
  await using folder = await scratchFolder();
  await using cluster = await startLocalCluster({ dataDirectory: join(folder.path, 'server'), nodes: [] });
  await using fleet = new InProcessFleet();
  say(`server at ${cluster.url}; starting ${nodes} agents in this process ...`);
  const { client } = cluster;
  const startedMs = performance.now();
  await fleet.start({ url: cluster.url, client, directory: join(folder.path, 'nodes'), nodes });
  const joinMs = performance.now() - startedMs;

  const base = { retention: 'PT0S' };
  say('first release ...');
  await rollOut(client, { ...base, moduleId: await register(client, 0), strategy: 'AllAtOnce' });
  say('all at once ...');
  const direct = await rollOut(client, { ...base, moduleId: await register(client, 1), strategy: 'AllAtOnce' });
  say(`canary ${stages.join(', ')} % with ${evaluationPeriodMs / 1_000} s at each stage ...`);
  const canary = await rollOut(client, {
    ...base,
    moduleId: await register(client, 2),
    strategy: 'Canary',
    strategyConfig: { stages, evaluationPeriod: `PT${evaluationPeriodMs / 1_000}S` },
  });
  const watchedMs = stages.length * evaluationPeriodMs;
  return {
    figures: {
      nodes,
      joinMs,
      allAtOnceLastAcknowledgementMs: direct.lastAcknowledgementMs,
      allAtOnceCompletedMs: direct.completedMs,
      allAtOnceNodesServing: direct.nodesServing,
      canaryLastAcknowledgementMs: canary.lastAcknowledgementMs,
      canaryCompletedMs: canary.completedMs,
      canaryWatchedMs: watchedMs,
      canaryEffectMeanMs: canary.acknowledgedEffectsMs / canary.acknowledgedEffects,
      canaryNodesServing: canary.nodesServing,
    },
    ratios: { canaryWatchedToCompleted: watchedMs / canary.completedMs },
    targets: [
      atMost('nodes that do not serve the release after all at once', nodes - direct.nodesServing, 0),
      atMost('nodes that do not serve the release after the canary', nodes - canary.nodesServing, 0),
    ],
  };
}

export const rolloutBench: Bench = {
  name: 'rollout',
  summary: 'rollouts to 100 agents in one process, to the last acknowledgement',
  run,
};
