import {
  noMirrorTally,
  resolveHealthCheck,
  type CandidateNode,
  type DeploymentId,
  type FleetReader,
  type HealthCheck,
  type MirrorTally,
  type NodeProgress,
  type NodeSet,
  type ObservedRelease,
  type ReleaseId,
} from '@hotswap/core';
import {
  noAssignments,
  type Assignments,
  type DeploymentRow,
  type MemoryDatabase,
  type TargetRow,
} from './memory-database.ts';

/** Longest list of failures that a progress carries. */
const mostFailures = 20;

type Finding = 'done' | 'pending' | { readonly code: string; readonly message: string };
/** Judges a node by what it shall do with the module and what it has reported. */
type Look = (moduleName: string, desired: Assignments, seen: readonly ObservedRelease[]) => Finding;

const loadFailure = (seen: ObservedRelease): Finding => ({
  code: seen.error?.code ?? 'HS_AGENT_LOAD_FAILED',
  message: seen.error?.message ?? 'it could not be loaded',
});

/**
 * Reads the in-memory fleet.
 * @public
 */
export class MemoryFleetReader implements FleetReader {
  readonly #database: MemoryDatabase;
  readonly #answers = new Map<string, NodeProgress>();
  #answeredAt = -1;

  constructor(database: MemoryDatabase) {
    this.#database = database;
  }

  async candidates(
    tenant: string,
    moduleName: string,
    regions: readonly string[] | null,
  ): Promise<readonly CandidateNode[]> {
    return [...this.#database.nodes.values()]
      .filter((node) => node.tenant === tenant && node.enabled && (regions === null || regions.includes(node.region)))
      .sort((a, b) => (a.region === b.region ? (a.nodeId < b.nodeId ? -1 : 1) : a.region < b.region ? -1 : 1))
      .map(({ nodeId, region, zone, labels, reachable, modules, inventory }) => ({
        ...inventory,
        nodeId,
        region,
        zone,
        labels,
        reachable,
        hasModule: (modules.get(moduleName)?.size ?? 0) > 0,
        serving: [...(modules.get(moduleName) ?? [])]
          .filter(([, { weight }]) => weight > 0)
          .map(([releaseId, { weight }]) => ({ releaseId, weight })),
      }));
  }

  async regions(tenant: string): Promise<readonly string[]> {
    return [
      ...new Set(
        [...this.#database.nodes.values()].filter((node) => node.tenant === tenant).map((node) => node.region),
      ),
    ].sort();
  }

  async epoch(tenant: string, moduleName: string): Promise<number> {
    return this.#database.moduleRow(tenant, moduleName).epoch;
  }

  async routeRevision(tenant: string, moduleName: string): Promise<number> {
    return this.#database.moduleRow(tenant, moduleName).revision;
  }

  async retained(
    tenant: string,
    moduleName: string,
    regions: readonly string[] | null,
  ): Promise<readonly DeploymentId[]> {
    return [...this.#database.deployments.values()]
      .filter(
        (row) =>
          row.spec.tenant === tenant && row.spec.moduleName === moduleName && row.summary.retainedUntil !== undefined,
      )
      .filter((row) => row.targets.some(({ node }) => regions === null || regions.includes(node.region)))
      .map((row) => row.spec.deploymentId);
  }

  async loadProgress(deploymentId: DeploymentId, nodes: NodeSet, releaseId: ReleaseId): Promise<NodeProgress> {
    return this.#progress(`load ${releaseId}`, deploymentId, nodes, (moduleName, _, seen) => {
      const own = seen.find((release) => release.moduleName === moduleName && release.releaseId === releaseId);
      if (!own || own.state === 'loading') return 'pending';
      return own.state === 'ready' ? 'done' : loadFailure(own);
    });
  }

  async applyProgress(deploymentId: DeploymentId, nodes: NodeSet): Promise<NodeProgress> {
    return this.#progress('apply', deploymentId, nodes, (moduleName, desired, seen) => {
      const bad = seen.find(
        (release) => release.moduleName === moduleName && release.state === 'failed' && desired.has(release.releaseId),
      );
      return bad ? loadFailure(bad) : 'done';
    });
  }

  async healthProgress(deploymentId: DeploymentId, nodes: NodeSet, step: number): Promise<NodeProgress> {
    const round = `${deploymentId}:${step}`;
    return this.#progress(`health ${String(step)}`, deploymentId, nodes, (moduleName, desired, seen) => {
      const probed = [...desired].filter(([, { probe }]) => probe?.round === round).map(([releaseId]) => releaseId);
      const answers = seen.filter((release) => release.moduleName === moduleName && release.health?.round === round);
      const sick = answers.find((release) => release.health?.state === 'unhealthy');
      if (sick) return { code: 'HS_NODE_UNHEALTHY', message: sick.health?.message ?? 'its health check failed' };
      const isHealthy =
        probed.length > 0 &&
        probed.every((id) =>
          answers.some((release) => release.releaseId === id && release.health?.state === 'healthy'),
        );
      return isHealthy ? 'done' : 'pending';
    });
  }

  async mirrorTally(deploymentId: DeploymentId, step: number): Promise<MirrorTally> {
    const mirror = this.#database.mirrors.get(deploymentId);
    return mirror?.step === step ? this.#database.mirrorTally(mirror) : noMirrorTally;
  }

  async releaseHealthCheck(_tenant: string, releaseId: ReleaseId): Promise<HealthCheck> {
    return resolveHealthCheck(this.#database.releases.get(releaseId)?.healthCheck);
  }

  /** The answer to one question; the last ones are kept while nothing in the fleet has changed. */
  #progress(question: string, deploymentId: DeploymentId, nodes: NodeSet, look: Look): NodeProgress {
    const { version } = this.#database;
    if (this.#answeredAt !== version) this.#answers.clear();
    this.#answeredAt = version;
    const key = `${question} of ${deploymentId} ${JSON.stringify(nodes)}`;
    const known = this.#answers.get(key);
    if (known) return known;
    const answer = this.#count(this.#database.deployments.get(deploymentId), nodes, look);
    this.#answers.set(key, answer);
    return answer;
  }

  #count(row: DeploymentRow | undefined, nodes: NodeSet, look: Look): NodeProgress {
    const count = { done: 0, failed: 0, pending: 0, unreachable: 0 };
    const failures: NodeProgress['failures'][number][] = [];
    const silent: [number, number][] = [];
    const moduleName = row?.spec.moduleName ?? '';
    const findings = new Map<Assignments, Map<readonly ObservedRelease[], Finding>>();
    for (const [from, to] of nodes) {
      for (let position = from; position < to; position++) {
        const target = row?.targets[position];
        const finding = target ? findingOf(target, moduleName, findings, look) : 'pending';
        if (finding === 'done') count.done++;
        else if (finding === 'pending') {
          count[target && !target.node.reachable ? 'unreachable' : 'pending']++;
          const last = silent.at(-1);
          if (last?.[1] === position) last[1]++;
          else silent.push([position, position + 1]);
        } else {
          count.failed++;
          if (failures.length < mostFailures) failures.push({ position, ...finding });
        }
      }
    }
    return { ...count, failures, silent };
  }
}

/** Nodes that shall be and are the same get the same finding; an older report says nothing about a newer wish. */
function findingOf(
  { node, stamp }: TargetRow,
  moduleName: string,
  findings: Map<Assignments, Map<readonly ObservedRelease[], Finding>>,
  look: Look,
): Finding {
  const { generation, releases } = node.observed;
  if (generation < stamp) return 'pending';
  const desired = node.modules.get(moduleName) ?? noAssignments;
  let known = findings.get(desired);
  if (known === undefined) findings.set(desired, (known = new Map<readonly ObservedRelease[], Finding>()));
  let finding = known.get(releases);
  if (finding === undefined) known.set(releases, (finding = look(moduleName, desired, releases)));
  return finding;
}
