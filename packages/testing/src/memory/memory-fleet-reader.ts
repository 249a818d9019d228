import {
  nodeSetOf,
  positionsOf,
  resolveHealthCheck,
  type CandidateNode,
  type DeploymentId,
  type FleetReader,
  type HealthCheck,
  type NodeProgress,
  type NodeSet,
  type ObservedRelease,
  type ReleaseId,
} from '@hotswap/core';
import type { DeploymentRow, MemoryDatabase, TargetRow } from './memory-database.ts';

/** Longest list of failures that a progress carries. */
const mostFailures = 20;

type Finding = 'done' | 'pending' | { readonly code: string; readonly message: string };

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
      .map(({ nodeId, region, zone, labels, reachable, modules }) => ({
        nodeId,
        region,
        zone,
        labels,
        reachable,
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
    return this.#progress(deploymentId, nodes, (row, { node, stamp }) => {
      const seen = node.observed.releases.find(
        (release) => release.moduleName === row.spec.moduleName && release.releaseId === releaseId,
      );
      if (!seen || node.observed.generation < stamp || seen.state === 'loading') return 'pending';
      return seen.state === 'ready' ? 'done' : loadFailure(seen);
    });
  }

  async applyProgress(deploymentId: DeploymentId, nodes: NodeSet): Promise<NodeProgress> {
    return this.#progress(deploymentId, nodes, (row, { node, stamp }) => {
      if (node.observed.generation < stamp) return 'pending';
      const desired = node.modules.get(row.spec.moduleName);
      const bad = node.observed.releases.find(
        (release) =>
          release.moduleName === row.spec.moduleName && release.state === 'failed' && desired?.has(release.releaseId),
      );
      return bad ? loadFailure(bad) : 'done';
    });
  }

  async healthProgress(deploymentId: DeploymentId, nodes: NodeSet, step: number): Promise<NodeProgress> {
    const round = `${deploymentId}:${step}`;
    return this.#progress(deploymentId, nodes, (row, { node, stamp }) => {
      const probed = [...(node.modules.get(row.spec.moduleName) ?? [])]
        .filter(([, { probe }]) => probe?.round === round)
        .map(([releaseId]) => releaseId);
      const answers = node.observed.releases.filter(
        (release) => release.moduleName === row.spec.moduleName && release.health?.round === round,
      );
      const sick = answers.find((release) => release.health?.state === 'unhealthy');
      if (node.observed.generation < stamp) return 'pending';
      if (sick) return { code: 'HS_NODE_UNHEALTHY', message: sick.health?.message ?? 'its health check failed' };
      const isHealthy =
        probed.length > 0 &&
        probed.every((id) =>
          answers.some((release) => release.releaseId === id && release.health?.state === 'healthy'),
        );
      return isHealthy ? 'done' : 'pending';
    });
  }

  async releaseHealthCheck(_tenant: string, releaseId: ReleaseId): Promise<HealthCheck> {
    return resolveHealthCheck(this.#database.releases.get(releaseId)?.healthCheck);
  }

  #progress(
    deploymentId: DeploymentId,
    nodes: NodeSet,
    look: (row: DeploymentRow, target: TargetRow) => Finding,
  ): NodeProgress {
    const row = this.#database.deployments.get(deploymentId);
    const count = { done: 0, failed: 0, pending: 0, unreachable: 0 };
    const failures: NodeProgress['failures'][number][] = [];
    const silent: number[] = [];
    for (const position of positionsOf(nodes)) {
      const target = row?.targets[position];
      const finding = row && target ? look(row, target) : 'pending';
      if (finding === 'done') count.done++;
      else if (finding === 'pending') {
        count[target && !target.node.reachable ? 'unreachable' : 'pending']++;
        silent.push(position);
      } else {
        count.failed++;
        if (failures.length < mostFailures) failures.push({ position, ...finding });
      }
    }
    return { ...count, failures, silent: nodeSetOf(silent) };
  }
}
