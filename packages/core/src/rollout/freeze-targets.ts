import type { CandidateNode } from '../contracts/fleet-reader.ts';
import type { JournalBatch, JournalStore } from '../contracts/journal-store.ts';
import { hotSwapError } from '../errors/hotswap-error.ts';
import type { DeploymentId, DeploymentSpec } from '../model/deployment.ts';
import { canonicalJson } from '../model/json.ts';
import { nodeSetOf, type NodeSet } from '../model/node-set.ts';
import { chainEntries } from './chain-entries.ts';
import { chooseTargets } from './choose-targets.ts';
import { Draft } from './draft.ts';
import { effectSetVersion } from './effect-schema.ts';
import type { EngineParts } from './engine-parts.ts';
import type { BaselineGroup, PassedOver } from './journal-entry.ts';
import { LiveRollout } from './live-rollout.ts';
import { summarise } from './rollout-summary.ts';
import { allTargets } from './rollout-state.ts';

/**
 * Executes: chooses the targets and freezes them with what they serve now, in one commit that also ends the retention of
 * whichever deployment is replaced. When every candidate is offline the deployment is paused instead (D-6).
 * @throws HS_DEPLOYMENT_NO_TARGETS
 * @internal
 */
export async function freezeTargets(
  draft: Draft,
  parts: EngineParts,
  journal: JournalStore,
  spec: DeploymentSpec,
  actor: string,
): Promise<void> {
  const { tenant, moduleName, regions } = spec;
  const candidates = await parts.fleet.candidates(tenant, moduleName, regions);
  const where = regions === null ? 'any region' : regions.join(', ');
  if (candidates.length === 0)
    throw hotSwapError('HS_DEPLOYMENT_NO_TARGETS', { moduleName, why: `no enabled node is registered in ${where}` });
  const { chosen, able, passedOver, emptiedBy } = chooseTargets(candidates, spec.nodeSelector ?? [], parts);
  if (chosen.length === 0) {
    if (emptiedBy !== undefined)
      throw hotSwapError('HS_DEPLOYMENT_NO_TARGETS', {
        moduleName,
        why: `the selector ${emptiedBy} chose none of ${able} nodes in ${where}`,
      });
    if (candidates.some((node) => node.reachable))
      throw hotSwapError('HS_DEPLOYMENT_NO_TARGETS', { moduleName, why: unable(candidates.length, passedOver, where) });
    if (draft.state.held) draft.put({ type: 'freed' });
    draft.put({
      type: 'held',
      why: 'offline',
      detail: `All ${candidates.length} nodes in ${where} are offline: resume when they are back`,
    });
    draft.changes.push({
      kind: 'notify',
      severity: 'critical',
      text: `${moduleName}: paused: all ${candidates.length} target nodes are offline`,
    });
    return;
  }
  const epoch = (await parts.fleet.epoch(tenant, moduleName)) + 1;
  const targets = chosen.map((node) => node.nodeId);
  const baseline = baselineOf(chosen);
  draft.put({
    type: 'executed',
    strategyVersions: parts.shelf.newestVersions,
    effectSetVersion,
    targets,
    regions: regionsOf(chosen),
    baseline,
    routerSpansNodes: parts.router.spansNodes,
    epoch,
    ...(Object.keys(passedOver).length === 0 ? {} : { passedOver }),
  });
  draft.changes.push({ kind: 'freeze', targets, baseline, epoch });
  for (const replaced of await parts.fleet.retained(tenant, moduleName, regions)) {
    const ending = replaced === spec.deploymentId ? null : await endRetention(journal, tenant, replaced, draft, actor);
    if (ending) draft.companions.push(ending);
  }
}

/** A sentence for when nobody can take part. */
function unable(count: number, { offline = 0, flapping = 0, full = 0 }: PassedOver, where: string): string {
  const why = [
    ...(full > 0 ? [`${full} have no room for another module (MaxModules)`] : []),
    ...(flapping > 0 ? [`${flapping} start again and again`] : []),
    ...(offline > 0 ? [`${offline} are offline`] : []),
  ];
  return `of ${count} nodes in ${where} ${why.join(', ')}`;
}

function regionsOf(chosen: readonly CandidateNode[]): Readonly<Record<string, NodeSet>> {
  return Object.fromEntries(
    [...Map.groupBy(chosen.entries(), ([, node]) => node.region)].map(([region, nodes]) => [
      region,
      nodeSetOf(nodes.map(([at]) => at)),
    ]),
  );
}

function baselineOf(chosen: readonly CandidateNode[]): readonly BaselineGroup[] {
  const groups = Map.groupBy(chosen.entries(), ([, node]) =>
    canonicalJson([...node.serving].sort((a, b) => (a.releaseId < b.releaseId ? -1 : 1))),
  );
  return [...groups].map(([releases, nodes]) => ({
    nodes: nodeSetOf(nodes.map(([at]) => at)),
    releases: JSON.parse(releases) as BaselineGroup['releases'],
  }));
}

/** The commit that closes another deployment's retention; `null` when it has ended by itself meanwhile. */
async function endRetention(
  journal: JournalStore,
  tenant: string,
  replaced: DeploymentId,
  by: Draft,
  actor: string,
): Promise<JournalBatch | null> {
  const live = new LiveRollout(tenant, replaced);
  live.add(await journal.read(tenant, replaced));
  if (live.state.phase !== 'retention') return null;
  const expectedHead = live.head;
  const draft = new Draft(live, by.now, actor);
  const status = live.state.status as 'Completed' | 'PartiallyCompleted';
  draft.put({ type: 'closed', status, facts: { replacedBy: by.live.deploymentId } });
  return {
    tenant,
    deploymentId: replaced,
    expectedHead,
    entries: await chainEntries(expectedHead, draft.entries),
    changes: [{ kind: 'retireReplaced', nodes: allTargets(live.state) }],
    summary: summarise(draft.state, undefined),
  };
}
