import {
  hotSwapError,
  positionsOf,
  resolveHealthCheck,
  subtractNodes,
  type Change,
  type NodeSet,
  type ReleaseId,
} from '@hotswap/core';
import {
  isActive,
  noAssignments,
  type Assignment,
  type Assignments,
  type DeploymentRow,
  type MemoryDatabase,
  type NodeRow,
  type TargetRow,
} from './memory-database.ts';

/** A copy of a node's assignments that a deed may alter. */
type Releases = Map<ReleaseId, Assignment>;
type ChangeOf<K extends Change['kind']> = Extract<Change, { kind: K }>;

/** One commit's view: the deployment it is for, and the nodes whose desired state it has altered. @internal */
export interface ChangeContext {
  readonly database: MemoryDatabase;
  readonly row: DeploymentRow;
  readonly altered: Set<NodeRow>;
}

const weightOf = (baseline: TargetRow['baseline']): number => baseline.reduce((sum, { weight }) => sum + weight, 0);

/** Alters a copy of a node's assignments; `false` when it left them as they are. */
type Deed<C> = (releases: Releases, of: C) => boolean;

/**
 * Lets a deed change the releases of each node of a set; a node that it altered gets a new generation. A deed sees
 * nothing but the releases and one property of the target, and is done once for all nodes that are alike in both.
 */
function eachNode<C>(
  { row, database, altered }: ChangeContext,
  nodes: NodeSet,
  of: (target: TargetRow) => C,
  deed: Deed<C>,
  awaited = true,
): void {
  const { moduleName } = row.spec;
  const outcomes = new Outcomes(deed);
  for (const [from, to] of nodes) {
    for (let position = from; position < to; position++) {
      const target = row.targets[position];
      if (!target)
        throw hotSwapError('HS_CORE_INVALID_VALUE', {
          what: 'a node set',
          why: `position ${position} is beyond the ${row.targets.length} targets`,
        });
      const { node } = target;
      const before = node.modules.get(moduleName) ?? noAssignments;
      const after = outcomes.after(before, of(target));
      if (after === null) continue;
      node.modules.set(moduleName, after);
      node.generation++;
      if (awaited) target.stamp = node.generation;
      altered.add(node);
    }
  }
  database.version++;
}

/** What a deed makes of which assignments: computed once, and equal outcomes are one object. */
class Outcomes<C> {
  readonly #deed: Deed<C>;
  readonly #known = new Map<Assignments, Map<C, Assignments | null>>();
  readonly #byText = new Map<string, Assignments>();

  constructor(deed: Deed<C>) {
    this.#deed = deed;
  }

  after(before: Assignments, of: C): Assignments | null {
    let known = this.#known.get(before);
    if (known === undefined) this.#known.set(before, (known = new Map<C, Assignments | null>()));
    let after = known.get(of);
    if (after === undefined) known.set(of, (after = this.#compute(before, of)));
    return after;
  }

  #compute(before: Assignments, of: C): Assignments | null {
    const releases: Releases = new Map(before);
    if (!this.#deed(releases, of)) return null;
    const text = JSON.stringify([...releases].map(([id, { weight, probe: asked }]) => [id, weight, asked?.round]));
    const same = this.#byText.get(text);
    if (same) return same;
    this.#byText.set(text, releases);
    return releases;
  }
}

const nothing = (): null => null;
const baselineOf = (target: TargetRow): TargetRow['baseline'] => target.baseline;
const observedOn = (target: TargetRow): NodeRow['observed']['releases'] => target.node.observed.releases;

function setWeight(releases: Releases, releaseId: ReleaseId, weight: number): boolean {
  const assignment = releases.get(releaseId);
  if (!assignment || assignment.weight === weight) return false;
  releases.set(releaseId, { ...assignment, weight });
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
  releases.set(releaseId, { ...assignment, probe: { round: `${context.row.spec.deploymentId}:${step}`, check } });
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
  const targetedBy = new Map<readonly string[], readonly string[]>();
  row.targets = change.targets.map((nodeId, position) => {
    const node = database.node(nodeId);
    const baseline = baselines.get(position);
    if (!baseline)
      throw hotSwapError('HS_CORE_INVALID_VALUE', {
        what: `the baseline of ${deploymentId}`,
        why: `position ${position} is in no group`,
      });
    if (!node.targetedBy.includes(deploymentId)) {
      const joined = targetedBy.get(node.targetedBy) ?? [...node.targetedBy, deploymentId];
      targetedBy.set(node.targetedBy, joined);
      node.targetedBy = joined;
    }
    return { node, baseline, stamp: node.generation };
  });
  database.version++;
  raiseEpoch({ database, row, altered: new Set() }, change.epoch);
}

function raiseEpoch({ database, row }: ChangeContext, epoch: number): void {
  const module = database.moduleRow(row.spec.tenant, row.spec.moduleName);
  module.epoch = Math.max(module.epoch, epoch);
}

function assign(context: ChangeContext, { nodes, releaseId }: ChangeOf<'assign'>): void {
  eachNode(context, nodes, observedOn, (releases, observed) => {
    const hasFailed = observed.some(
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
  before: TargetRow['baseline'],
  candidate: { readonly releaseId: ReleaseId; readonly weight: number },
  baseline: number,
): boolean {
  const weights = new Map<ReleaseId, number>();
  for (const { releaseId, weight } of before) weights.set(releaseId, (baseline * weight) / weightOf(before));
  if (candidate.weight > 0 || !weights.has(candidate.releaseId)) weights.set(candidate.releaseId, candidate.weight);
  return [...releases.keys()]
    .map((releaseId) => setWeight(releases, releaseId, weights.get(releaseId) ?? 0))
    .some(Boolean);
}

function route(context: ChangeContext, { releaseId, to, among, weights }: ChangeOf<'route'>): void {
  context.database.moduleRow(context.row.spec.tenant, context.row.spec.moduleName).revision++;
  eachNode(context, to, baselineOf, (releases, before) =>
    reweigh(releases, before, { releaseId, weight: weights.candidate }, weights.baselineOnStage),
  );
  eachNode(context, subtractNodes(among, to), baselineOf, (releases, before) =>
    reweigh(releases, before, { releaseId, weight: 0 }, weights.baselineElsewhere),
  );
}

function mirror({ database, row }: ChangeContext, { releaseId, step, percent }: ChangeOf<'mirror'>): void {
  const { tenant, moduleName, deploymentId } = row.spec;
  database.moduleRow(tenant, moduleName).revision++;
  database.mirrors.set(deploymentId, { deploymentId, releaseId, step, percent, reports: new Map() });
}

function endMirror({ database, row: { spec } }: ChangeContext): void {
  if (database.mirrors.delete(spec.deploymentId)) database.moduleRow(spec.tenant, spec.moduleName).revision++;
}

function restore(context: ChangeContext, { nodes }: ChangeOf<'restore'>): void {
  context.database.moduleRow(context.row.spec.tenant, context.row.spec.moduleName).revision++;
  eachNode(context, nodes, baselineOf, (releases, before) => {
    const wanted = new Map(before.map(({ releaseId, weight }) => [releaseId, weight]));
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
  eachNode(context, nodes, nothing, (releases) => {
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
    nothing,
    (releases) => {
      const probed = [...releases].filter(([, assignment]) => assignment.probe?.round.startsWith(prefix));
      for (const [releaseId, { weight }] of probed) releases.set(releaseId, { weight, probe: null });
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
      return eachNode(context, change.nodes, nothing, (releases) =>
        probe(context, releases, change.releaseId, change.step, change.check),
      );
    case 'probeBaseline':
      return eachNode(context, change.nodes, baselineOf, (releases, baseline) => {
        const checkOf = (releaseId: ReleaseId) =>
          resolveHealthCheck(context.database.releases.get(releaseId)?.healthCheck);
        return baseline
          .map(({ releaseId }) => probe(context, releases, releaseId, change.step, checkOf(releaseId)))
          .some(Boolean);
      });
    case 'endProbes':
      return endProbes(context);
    case 'route':
      return route(context, change);
    case 'mirror':
      return mirror(context, change);
    case 'endMirror':
      return endMirror(context);
    case 'retire':
      return eachNode(context, change.nodes, nothing, (releases) => releases.delete(change.releaseId));
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
