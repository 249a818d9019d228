import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isHotSwapError, type Json } from '@hotswap/core';
import { exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import { finalStatuses, type DeploymentView, type HotSwapClient, type JournalEntryView } from '@hotswap/protocol';
import { strategyCases } from './strategy-cases.ts';

/** How a strategy is run for its crash points. */
export interface Rollout {
  readonly strategy: string;
  readonly strategyConfig: Json;
}

/** The rollouts whose every point is tried. */
export const rollouts: readonly Rollout[] = strategyCases.map(({ strategy, quick }) => ({
  strategy: strategy.name,
  strategyConfig: quick,
}));

const nodes = ['us-east', 'us-west', 'eu-central'].map((region) => ({
  nodeId: `fault-${region}`,
  region,
  zone: `${region}-1a`,
}));
const deploymentTimeoutMs = 60_000;

/** A small running system that faults are tried on, one after the other. */
export class FaultBench implements AsyncDisposable {
  readonly cluster: LocalCluster;
  /** What every server of the bench runs with, beside a failpoint. */
  readonly serverEnv: NodeJS.ProcessEnv;
  readonly #moduleIds: readonly string[];
  #serving = 0;
  #counter = 0;

  private constructor(cluster: LocalCluster, moduleIds: readonly string[], serverEnv: NodeJS.ProcessEnv) {
    this.serverEnv = serverEnv;
    this.cluster = cluster;
    this.#moduleIds = moduleIds;
  }

  static async start(dataDirectory: string, serverEnv: NodeJS.ProcessEnv = {}): Promise<FaultBench> {
    // Nodes are killed on purpose here, again and again: that is no reason to leave them out.
    const environment = { HOTSWAP_FLAPPING_STARTS: '0', ...serverEnv };
    const cluster = await startLocalCluster({
      dataDirectory,
      nodes,
      serverEnv: environment,
    });
    const moduleIds: string[] = [];
    for (const version of ['1.0.0', '1.1.0']) {
      const wasm = await readFile(exampleModule('adder', version).path);
      moduleIds.push((await cluster.client.modules.register({ name: 'adder', version, wasm })).moduleId);
    }
    const bench = new FaultBench(cluster, moduleIds, environment);
    const first = await bench.runToEnd({ strategy: 'AllAtOnce', strategyConfig: {} });
    bench.keep(first);
    return bench;
  }

  get client(): HotSwapClient {
    return this.cluster.client;
  }

  get nodeIds(): readonly string[] {
    return nodes.map((node) => node.nodeId);
  }

  /** Module id that all nodes should serve now. */
  get serving(): string {
    return this.#moduleIds[this.#serving] as string;
  }

  /** Module id of the next rollout. */
  get next(): string {
    return this.#moduleIds[1 - this.#serving] as string;
  }

  /** An id that no earlier deployment had. */
  newId(): string {
    return `fault-${String(++this.#counter)}`;
  }

  /** Whether the deployment's module serves now that it has ended: an experiment may be completed without a winner. */
  serves({ status, verdict }: DeploymentView): boolean {
    return status === 'Completed' && (verdict === undefined || verdict === 'B');
  }

  /** Notes that a completed deployment's module is the one that serves. */
  keep(deployment: DeploymentView): void {
    if (this.serves(deployment)) this.#serving = this.#moduleIds.indexOf(deployment.moduleId);
  }

  /** Creates and executes; safe to repeat after a crash at any moment of it. */
  async begin(rollout: Rollout, deploymentId: string, moduleId: string): Promise<void> {
    await this.#persist(async () => {
      try {
        await this.client.deployments.create({ ...rollout, moduleId, deploymentId });
      } catch (error) {
        if (!isHotSwapError(error, 'HS_DEPLOYMENT_EXISTS') && !(await this.#exists(deploymentId))) throw error;
      }
    });
    await this.#persist(() => this.client.deployments.execute(deploymentId));
  }

  async runToEnd(rollout: Rollout): Promise<DeploymentView> {
    const deploymentId = this.newId();
    await this.begin(rollout, deploymentId, this.#counter === 1 ? (this.#moduleIds[0] as string) : this.next);
    return this.waitForEnd(deploymentId);
  }

  /** The deployment once it is over or waits for a person; as it stands when that takes too long. */
  async waitForEnd(deploymentId: string): Promise<DeploymentView> {
    const deadline = performance.now() + deploymentTimeoutMs;
    for (;;) {
      const deployment = await this.client.deployments.get(deploymentId);
      if (finalStatuses.includes(deployment.status) || deployment.status === 'Paused' || performance.now() > deadline)
        return deployment;
      await sleep(50);
    }
  }

  async journal(deploymentId: string): Promise<readonly JournalEntryView[]> {
    const entries: JournalEntryView[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.client.deployments.journal(deploymentId, {
        limit: 200,
        ...(cursor === undefined ? {} : { cursor }),
      });
      entries.push(...page.entries);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return entries;
  }

  /** What is wrong with where requests go: everything must reach one module id, on all nodes. */
  async routeViolations(moduleId: string): Promise<string[]> {
    const route = await this.client.routes.get('adder');
    const strays = route.targets
      .filter((target) => target.moduleId !== moduleId)
      .map((target) => `${target.nodeId} serves ${target.moduleId}`);
    const missing = nodes
      .filter((node) => !route.targets.some((target) => target.nodeId === node.nodeId))
      .map((node) => `${node.nodeId} serves nothing`);
    const answer = await this.client.modules.invoke('adder', 'add', { args: [2, 3] });
    const wrong = answer.moduleId === moduleId ? [] : [`a request was answered by ${answer.moduleId}`];
    return [...strays, ...missing, ...wrong].map((what) => `${what} instead of ${moduleId}`);
  }

  /** Resolves when the server process has died by itself. */
  async serverDeath(timeoutMs: number): Promise<boolean> {
    return Promise.race([this.cluster.server.ended.then(() => true), sleep(timeoutMs, false)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }

  /**
   * Repeats what did not reach a server that runs: a connection kept from before a restart is found dead only when it is
   * used. Everything repeated here is the same when it is done twice.
   */
  async #persist(request: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await request();
        return;
      } catch (error) {
        if (!isHotSwapError(error, 'HS_CLIENT_UNREACHABLE') || attempt === 3) throw error;
        await sleep(100);
        if (!this.cluster.server.isRunning()) throw error;
      }
    }
  }

  async #exists(deploymentId: string): Promise<boolean> {
    return this.client.deployments.get(deploymentId).then(
      () => true,
      () => false,
    );
  }
}
