import { setTimeout as sleep } from 'node:timers/promises';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProgram, type ChildProgram } from '@hotswap/local-cluster';
import { disturb } from './disturbances.ts';
import type { FaultBench, Rollout } from './fault-bench.ts';
import type { FaultPoint } from './fault-point.ts';

const awayMs = 500;
const joinTimeoutMs = 30_000;

/** F95: nodes join and are disabled in the middle of each strategy. Those that were killed are among the disturbances. */
export function churnPoints(bench: FaultBench, rollouts: readonly Rollout[]): readonly FaultPoint[] {
  return rollouts.flatMap((rollout) => [
    {
      name: `${rollout.name}: a node is disabled in the middle, and enabled again`,
      run: () => disturb(bench, rollout, () => disableNode(bench)),
    },
    { name: `${rollout.name}: a node joins in the middle, and stays`, run: () => joinNode(bench, rollout) },
  ]);
}

async function disableNode(bench: FaultBench): Promise<readonly string[]> {
  const nodeId = bench.nodeIds.at(-1) as string;
  await bench.client.nodes.update(nodeId, { isEnabled: false });
  await sleep(awayMs);
  await bench.client.nodes.update(nodeId, { isEnabled: true });
  return [];
}

/** Whoever joins while a rollout runs is no target of it; it serves what the others do once that has ended. */
async function joinNode(bench: FaultBench, rollout: Rollout): Promise<readonly string[]> {
  const nodeId = `fault-joiner-${bench.newId()}`;
  let joiner: ChildProgram | undefined;
  const wrong = await disturb(bench, rollout, async () => {
    joiner = await startJoiner(bench, nodeId);
    return [];
  });
  const after = await bench.settledViolations(bench.adder, [...bench.nodeIds, nodeId]);
  await joiner?.stop(10_000);
  await bench.client.nodes.delete(nodeId);
  return [...wrong, ...after, ...(await bench.settledViolations(bench.adder))];
}

async function startJoiner(bench: FaultBench, nodeId: string): Promise<ChildProgram> {
  const directory = join(bench.cluster.dataDirectory, 'nodes', nodeId);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const configFile = join(directory, 'edge-node-config.json');
  const config = {
    NodeId: nodeId,
    Region: 'us-east',
    OrchestratorApiUrl: bench.cluster.url,
    DataDirectory: directory,
  };
  await writeFile(configFile, JSON.stringify(config), { mode: 0o600 });
  const { token } = await bench.client.nodes.createJoinToken({ uses: 1 });
  const joiner = startProgram({
    name: nodeId,
    entry: import.meta.resolve('@hotswap/edge-agent/main'),
    args: ['--config', configFile],
    logFile: join(bench.cluster.dataDirectory, 'logs', `${nodeId}.log`),
    env: { HOTSWAP_AGENT_JOIN_TOKEN: token },
  });
  const deadline = performance.now() + joinTimeoutMs;
  while (performance.now() < deadline) {
    const { nodes } = await bench.client.nodes.list();
    if (nodes.some((node) => node.nodeId === nodeId && node.status === 'Healthy')) return joiner;
    await sleep(100);
  }
  throw new RangeError(`${nodeId} did not join: see ${joiner.logFile}`);
}
