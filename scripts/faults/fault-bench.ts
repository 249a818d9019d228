import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isHotSwapError, type Json } from '@hotswap/core';
import { exampleModule } from '@hotswap/example-modules';
import { startLocalCluster, type LocalCluster } from '@hotswap/local-cluster';
import {
  finalStatuses,
  type CreateDeploymentRequest,
  type DeploymentView,
  type HotSwapClient,
  type JournalEntryView,
} from '@hotswap/protocol';
import { ModuleLine, type Probe } from './module-line.ts';
import { quickMirror, strategyCases } from './strategy-cases.ts';

/** How a strategy is run for its crash points. */
export interface Rollout {
  /** What its points are called. */
  readonly name: string;
  readonly strategy: string;
  readonly strategyConfig: Json;
  /** Default: all. */
  readonly targetRegions?: readonly string[];
  /** Requests come in all the while, so that there is something to copy. */
  readonly traffic?: NonNullable<CreateDeploymentRequest['traffic']>;
}

/** The rollouts whose every point is tried. */
export const rollouts: readonly Rollout[] = strategyCases.map(({ strategy, quick }) => ({
  name: strategy.name,
  strategy: strategy.name,
  strategyConfig: quick,
}));

const { releaseId: _releaseId, ...mirror } = quickMirror;
/** One that begins with copies of requests. */
export const mirroredRollout: Rollout = {
  name: 'Mirror',
  strategy: 'AllAtOnce',
  strategyConfig: {},
  traffic: { mirror },
};

const nodes = ['us-east', 'us-west', 'eu-central'].map((region) => ({
  nodeId: `fault-${region}`,
  region,
  zone: `${region}-1a`,
}));
const deploymentTimeoutMs = 60_000;
/** A machine that is busy with other things takes its time over the first start. */
const startTimeoutMs = 180_000;
const catchUpMs = 20_000;
const visitPauseMs = 50;

/** A small running system that faults are tried on, one after the other. */
export class FaultBench implements AsyncDisposable {
  readonly cluster: LocalCluster;
  /** What every server of the bench runs with, beside a failpoint. */
  readonly serverEnv: NodeJS.ProcessEnv;
  /** The module on which most is tried. */
  readonly adder: ModuleLine;
  /** Another one on the same nodes. Its second version sells more than its first. */
  readonly shop: ModuleLine;
  #counter = 0;
  #visits: { isOver: boolean } = { isOver: true };

  private constructor(cluster: LocalCluster, adder: ModuleLine, shop: ModuleLine, serverEnv: NodeJS.ProcessEnv) {
    this.serverEnv = serverEnv;
    this.cluster = cluster;
    this.adder = adder;
    this.shop = shop;
  }

  static async start(dataDirectory: string, serverEnv: NodeJS.ProcessEnv = {}): Promise<FaultBench> {
    // Nodes are killed on purpose here, again and again: that is no reason to leave them out.
    const environment = { HOTSWAP_FLAPPING_STARTS: '0', ...serverEnv };
    const cluster = await startLocalCluster({
      dataDirectory,
      nodes,
      serverEnv: environment,
      startTimeoutMs,
    });
    const adder = await registerLine(cluster, 'adder', { functionName: 'add', args: [2, 3] });
    const shop = await registerLine(cluster, 'shop', { functionName: 'visit', args: [] });
    const bench = new FaultBench(cluster, adder, shop, environment);
    for (const line of [adder, shop])
      await bench.runToEnd({ name: 'first', strategy: 'AllAtOnce', strategyConfig: {} }, line.serving);
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
    return this.adder.serving;
  }

  /** Module id of the next rollout. */
  get next(): string {
    return this.adder.next;
  }

  /** An id that no earlier deployment had. */
  newId(): string {
    return `fault-${String(++this.#counter)}`;
  }

  /** @see {@link ModuleLine.serves} */
  serves(deployment: DeploymentView): boolean {
    return this.adder.serves(deployment);
  }

  /** @see {@link ModuleLine.keep} */
  keep(deployment: DeploymentView): void {
    this.adder.keep(deployment);
  }

  /** Creates and executes; safe to repeat after a crash at any moment of it. */
  async begin(rollout: Rollout, deploymentId: string, moduleId: string): Promise<void> {
    this.#visits.isOver = true;
    if (rollout.traffic !== undefined) void this.#visit((this.#visits = { isOver: false }));
    await this.persist(async () => {
      try {
        const { name: _name, targetRegions, ...common } = rollout;
        const regions = targetRegions === undefined ? {} : { targetRegions: [...targetRegions] };
        await this.client.deployments.create({ ...common, ...regions, moduleId, deploymentId });
      } catch (error) {
        if (!isHotSwapError(error, 'HS_DEPLOYMENT_EXISTS') && !(await this.#exists(deploymentId))) throw error;
      }
    });
    await this.persist(() => this.client.deployments.execute(deploymentId));
  }

  async runToEnd(rollout: Rollout, moduleId: string = this.next): Promise<DeploymentView> {
    const deploymentId = this.newId();
    await this.begin(rollout, deploymentId, moduleId);
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

  /** Leaves the nodes to the next point, whatever came of this one. */
  async clear({ deploymentId, status }: DeploymentView): Promise<void> {
    if (finalStatuses.includes(status)) return;
    await this.client.deployments.abort(deploymentId, { reason: 'the next fault is due' });
    await this.waitForEnd(deploymentId);
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

  /** @see {@link ModuleLine.routeViolations} */
  async routeViolations(moduleId: string): Promise<string[]> {
    return this.adder.routeViolations(moduleId, this.nodeIds);
  }

  /** The same once everybody has had the time to catch up. */
  async settledViolations(line: ModuleLine, nodeIds: readonly string[] = this.nodeIds): Promise<readonly string[]> {
    const deadline = performance.now() + catchUpMs;
    for (;;) {
      const wrong = await line.routeViolations(line.serving, nodeIds);
      if (wrong.length === 0 || performance.now() > deadline) return wrong;
      await sleep(100);
    }
  }

  /** Resolves when the server process has died by itself. */
  async serverDeath(timeoutMs: number): Promise<boolean> {
    return Promise.race([this.cluster.server.ended.then(() => true), sleep(timeoutMs, false)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#visits.isOver = true;
    await this.cluster.stop();
  }

  /**
   * Repeats what did not reach a server that runs: a connection kept from before a restart is found dead only when it is
   * used. Everything repeated here is the same when it is done twice.
   */
  async persist(request: () => Promise<unknown>): Promise<void> {
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

  /** Calls the module until the next deployment begins; while a server is away there is nobody to call. */
  async #visit(visits: { readonly isOver: boolean }): Promise<void> {
    for (; !visits.isOver; await sleep(visitPauseMs)) await this.adder.visit().catch(() => undefined);
  }

  async #exists(deploymentId: string): Promise<boolean> {
    return this.client.deployments.get(deploymentId).then(
      () => true,
      () => false,
    );
  }
}

async function registerLine(cluster: LocalCluster, name: string, probe: Probe): Promise<ModuleLine> {
  const register = async (version: string): Promise<string> => {
    const wasm = await readFile(exampleModule(name, version).path);
    return (await cluster.client.modules.register({ name, version, wasm })).moduleId;
  };
  return new ModuleLine(name, [await register('1.0.0'), await register('1.1.0')], probe, () => cluster.client);
}
