import {
  hotSwapError,
  positionsOf,
  resolveHealthCheck,
  type Change,
  type NodeSet,
  type ReleaseId,
} from '@hotswap/core';
import {
  isActive,
  type Assignment,
  type DeploymentRow,
  type MemoryDatabase,
  type TargetRow,
} from './memory-database.ts';

/** Releases of the deployment's module on one node, by id. */
type Releases = Map<ReleaseId, Assignment>;
type ChangeOf<K extends Change['kind']> = Extract<Change, { kind: K }>;

/** One commit's view: the deployment it is for, and the nodes whose desired state it has altered. @internal */
export interface ChangeContext {
  readonly database: MemoryDatabase;
  readonly row: DeploymentRow;
  readonly altered: Set<string>;
}

const baselineWeight = (target: TargetRow): number => target.baseline.reduce((sum, { weight }) => sum + weight, 0);

/** Lets a deed change the releases of each node of a set; a node that it altered gets a new generation. */
function eachNode(
  { row, altered }: ChangeContext,
  nodes: NodeSet,
  deed: (releases: Releases, target: TargetRow) => boolean,
  awaited = true,
): void {
  for (const position of positionsOf(nodes)) {
    const target = row.targets[position];
    if (!target)
      throw hotSwapError('HS_CORE_INVALID_VALUE', {
        what: 'a node set',
        why: `position ${position} is beyond the ${row.targets.length} targets`,
      });
    const { node } = target;
    const releases = node.modules.get(row.spec.moduleName) ?? new Map<ReleaseId, Assignment>();
    if (!deed(releases, target)) continue;
    node.modules.set(row.spec.moduleName, releases);
    node.generation++;
    if (awaited) target.stamp = node.generation;
    altered.add(node.nodeId);
  }
}

function setWeight(releases: Releases, releaseId: ReleaseId, weight: number): boolean {
  const assignment = releases.get(releaseId);
  if (!assignment || assignment.weight === weight) return false;
  assignment.weight = weight;
  return true;
}

function probe(
  context: ChangeContext,
  releases: Releases,
  releaseId: ReleaseId,
  step: number,
  check: ChangeOf<'probe'>['check'],
): boolean {
  const assignment = releases.get(releaseId);
  if (!assignment) return false;
  assignment.probe = { round: `${context.row.spec.deploymentId}:${step}`, check };
  return true;
}

function freeze({ database, row }: ChangeContext, change: ChangeOf<'freeze'>): void {
  const { tenant, moduleName, deploymentId } = row.spec;
  const wanted = new Set(change.targets);
  for (const other of database.deployments.values()) {
    if (other === row || other.spec.moduleName !== moduleName || other.spec.tenant !== tenant || !isActive(other))
      continue;
    if (!other.targets.some((target) => wanted.has(target.node.nodeId))) continue;
    throw hotSwapError('HS_DEPLOYMENT_ACTIVE', {
      deploymentId: other.spec.deploymentId,
      moduleName,
      status: other.summary.status,
    });
  }
  const baselines = new Map<number, TargetRow['baseline']>();
  for (const group of change.baseline)
    for (const position of positionsOf(group.nodes)) baselines.set(position, group.releases);
  row.targets = change.targets.map((nodeId, position) => {
    const node = database.node(nodeId);
    const baseline = baselines.get(position);
    if (!baseline)
      throw hotSwapError('HS_CORE_INVALID_VALUE', {
        what: `the baseline of ${deploymentId}`,
        why: `position ${position} is in no group`,
      });
    const targeted = database.targeted.get(nodeId) ?? [];
    if (!targeted.includes(deploymentId)) database.targeted.set(nodeId, [...targeted, deploymentId]);
    return { node, baseline, stamp: node.generation };
  });
  raiseEpoch({ database, row, altered: new Set() }, change.epoch);
}

function raiseEpoch({ database, row }: ChangeContext, epoch: number): void {
  const module = database.moduleRow(row.spec.tenant, row.spec.moduleName);
  module.epoch = Math.max(module.epoch, epoch);
}

function assign(context: ChangeContext, { nodes, releaseId }: ChangeOf<'assign'>): void {
  eachNode(context, nodes, (releases, { node }) => {
    const hasFailed = node.observed.releases.some(
      (seen) =>
        seen.moduleName === context.row.spec.moduleName && seen.releaseId === releaseId && seen.state === 'failed',
    );
    if (releases.has(releaseId) && !hasFailed) return false;
    if (!releases.has(releaseId)) releases.set(releaseId, { weight: 0, probe: null });
    return true;
  });
}

/** The candidate gets its weight, the node's baseline shares the rest in its own proportions, everything else gets none. */
function reweigh(
  releases: Releases,
  target: TargetRow,
  candidate: { readonly releaseId: ReleaseId; readonly weight: number },
  baseline: number,
): boolean {
  const weights = new Map<ReleaseId, number>();
  for (const { releaseId, weight } of target.baseline)
    weights.set(releaseId, (baseline * weight) / baselineWeight(target));
  if (candidate.weight > 0 || !weights.has(candidate.releaseId)) weights.set(candidate.releaseId, candidate.weight);
  return [...releases.keys()]
    .map((releaseId) => setWeight(releases, releaseId, weights.get(releaseId) ?? 0))
    .some(Boolean);
}

function route(context: ChangeContext, { releaseId, to, among, weights }: ChangeOf<'route'>): void {
  const stage = new Set(positionsOf(to));
  context.database.moduleRow(context.row.spec.tenant, context.row.spec.moduleName).revision++;
  eachNode(context, to, (releases, target) =>
    reweigh(releases, target, { releaseId, weight: weights.candidate }, weights.baselineOnStage),
  );
  const elsewhere = [...positionsOf(among)]
    .filter((position) => !stage.has(position))
    .map((position) => [position, position + 1] as const);
  eachNode(context, elsewhere, (releases, target) =>
    reweigh(releases, target, { releaseId, weight: 0 }, weights.baselineElsewhere),
  );
}

function restore(context: ChangeContext, { nodes }: ChangeOf<'restore'>): void {
  context.database.moduleRow(context.row.spec.tenant, context.row.spec.moduleName).revision++;
  eachNode(context, nodes, (releases, target) => {
    const wanted = new Map(target.baseline.map(({ releaseId, weight }) => [releaseId, weight]));
    let altered = false;
    for (const releaseId of [...releases.keys()])
      if (!wanted.has(releaseId)) altered = releases.delete(releaseId) || altered;
    for (const [releaseId, weight] of wanted) {
      altered = setWeight(releases, releaseId, weight) || !releases.has(releaseId) || altered;
      if (!releases.has(releaseId)) releases.set(releaseId, { weight, probe: null });
    }
    return altered;
  });
}

function retireReplaced(context: ChangeContext, { nodes }: ChangeOf<'retireReplaced'>): void {
  const own = context.row.spec.releaseId;
  eachNode(context, nodes, (releases) => {
    const gone = [...releases].filter(([releaseId, { weight }]) => weight === 0 && releaseId !== own);
    for (const [releaseId] of gone) releases.delete(releaseId);
    return gone.length > 0;
  });
}

function endProbes(context: ChangeContext): void {
  const prefix = `${context.row.spec.deploymentId}:`;
  const all: NodeSet = context.row.targets.length === 0 ? [] : [[0, context.row.targets.length]];
  eachNode(
    context,
    all,
    (releases) => {
      const probed = [...releases.values()].filter((assignment) => assignment.probe?.round.startsWith(prefix));
      for (const assignment of probed) assignment.probe = null;
      return probed.length > 0;
    },
    false,
  );
}

/** Carries out one change of a commit. `open` is the store's own affair. @internal */
export function applyChange(context: ChangeContext, change: Change): void {
  switch (change.kind) {
    case 'open':
      return;
    case 'freeze':
      return freeze(context, change);
    case 'raiseEpoch':
      return raiseEpoch(context, change.epoch);
    case 'assign':
      return assign(context, change);
    case 'probe':
      return eachNode(context, change.nodes, (releases) =>
        probe(context, releases, change.releaseId, change.step, change.check),
      );
    case 'probeBaseline':
      return eachNode(context, change.nodes, (releases, target) => {
        const checkOf = (releaseId: ReleaseId) =>
          resolveHealthCheck(context.database.releases.get(releaseId)?.healthCheck);
        return target.baseline
          .map(({ releaseId }) => probe(context, releases, releaseId, change.step, checkOf(releaseId)))
          .some(Boolean);
      });
    case 'endProbes':
      return endProbes(context);
    case 'route':
      return route(context, change);
    case 'retire':
      return eachNode(context, change.nodes, (releases) => releases.delete(change.releaseId));
    case 'retireReplaced':
      return retireReplaced(context, change);
    case 'restore':
      return restore(context, change);
    case 'notify':
      context.database.outbox.push({
        deploymentId: context.row.spec.deploymentId,
        severity: change.severity,
        text: change.text,
      });
  }
}
