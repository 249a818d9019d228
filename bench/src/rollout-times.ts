import type { CreateDeploymentRequest, HotSwapClient, JournalEntryView } from '@hotswap/protocol';
import { guestModule } from './guest-module.ts';

/** From the execute command, by the database's clock. */
export interface RolloutTimes {
  /** Until the last node had taken the last change of traffic. */
  readonly lastAcknowledgementMs: number;
  readonly completedMs: number;
  /** Sum over the effects that nodes acknowledge: deploy and shiftTraffic. */
  readonly acknowledgedEffectsMs: number;
  readonly acknowledgedEffects: number;
  readonly nodesServing: number;
}

/** Rolls a module out and waits for its end. */
export async function rollOut(client: HotSwapClient, deployment: CreateDeploymentRequest): Promise<RolloutTimes> {
  const deploymentId = await executed(client, deployment);
  await untilStatus(client, deploymentId, 'Completed');
  const { nodes: outcomes = [] } = await client.deployments.get(deploymentId);
  return {
    ...(await timesOf(client, deploymentId)),
    nodesServing: outcomes.filter(({ state, weight }) => state === 'ready' && weight > 0).length,
  };
}

/** Creates and executes. */
export async function executed(client: HotSwapClient, deployment: CreateDeploymentRequest): Promise<string> {
  const { deploymentId } = await client.deployments.create(deployment);
  await client.deployments.execute(deploymentId);
  return deploymentId;
}

/** Follows a deployment to its end, which has to be the wanted one. */
export async function untilStatus(client: HotSwapClient, deploymentId: string, wanted: string): Promise<void> {
  let status = '';
  for await (const event of client.deployments.watch(deploymentId, { follow: true })) {
    if (event.kind !== 'status') continue;
    status = event.deployment.status;
    if (status === wanted) return;
    if (status === 'Failed' || status === 'Cancelled' || (status === 'RolledBack' && wanted === 'Completed')) break;
  }
  throw new RangeError(`deployment ${deploymentId} ended as ${status}`);
}

/** The whole journal. */
export async function journalOf(client: HotSwapClient, deploymentId: string): Promise<readonly JournalEntryView[]> {
  const entries: JournalEntryView[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await client.deployments.journal(deploymentId, {
      limit: 1_000,
      ...(cursor === undefined ? {} : { cursor }),
    });
    entries.push(...page.entries);
    if (page.nextCursor === null) return entries;
    cursor = page.nextCursor;
  }
}

async function timesOf(client: HotSwapClient, deploymentId: string): Promise<Omit<RolloutTimes, 'nodesServing'>> {
  let executedMs = 0;
  let lastAcknowledgementMs = 0;
  let completedMs = 0;
  const began = new Map<number, { readonly kind: string; readonly atMs: number }>();
  const tookMs: number[] = [];
  for (const { type, at, entry } of await journalOf(client, deploymentId)) {
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

/** Registers a version of the bench's module that differs from the others in its bytes. */
export async function register(client: HotSwapClient, patch: number): Promise<string> {
  const { moduleId } = await client.modules.register({
    name: 'adder',
    version: `1.0.${patch}`,
    wasm: guestModule({ offset: patch }),
  });
  return moduleId;
}
