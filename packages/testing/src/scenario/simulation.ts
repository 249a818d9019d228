import {
  createRolloutEngine,
  defaultAutoRollback,
  defaultHealthCheck,
  defaultModuleRuntime,
  defaultResourceLimits,
  noCapabilities,
  parseStrategyConfig,
  type Advance,
  type Deployment,
  type DeploymentCommand,
  type DeploymentCommandOptions,
  type DeploymentSpec,
  type JournalBatch,
  type JournalEntry,
  type JournalStore,
  type NodeSelector,
  type NodeSelectorPlugin,
  type Release,
  type RolloutEngine,
  type RolloutEngineOptions,
  type Strategy,
  type TrafficRouter,
  type VariantMetrics,
} from '@hotswap/core';
import { MemoryDatabase, type Assignments, type NodeInventory } from '../memory/memory-database.ts';
import { MemoryFleetReader } from '../memory/memory-fleet-reader.ts';
import { MemoryJournalStore } from '../memory/memory-journal-store.ts';
import { VirtualScheduler } from '../time/virtual-scheduler.ts';
import { VirtualTime } from '../time/virtual-time.ts';
import { ScriptedFleet, type FleetScript } from './scripted-fleet.ts';
import { ScriptedMetrics, type MetricsQuery } from './scripted-metrics.ts';

/** Module that simulations roll out unless told otherwise. */
const defaultModuleName = 'greeter';
const tenant = 'default';
/** Reports that arrive within this time wake a deployment once. */
const coalesceMs = 50;
/** Longer than any rollout of a suite; one that polls for ever has to end somewhere. */
const longestRolloutMs = 12 * 3_600_000;

/** A release with its share of a node's requests for the module. @public */
export interface ServedRelease {
  readonly releaseId: string;
  readonly weight: number;
}

/** A node of a simulated fleet. @public */
export interface SimulatedNode {
  readonly nodeId: string;
  readonly region: string;
  readonly zone?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Default as in `addNode`. */
  readonly inventory?: Partial<NodeInventory>;
  /** Releases of the module with weights, before the rollout. Default: only `v1`. Nodes that serve the same had better share one list. */
  readonly serving?: readonly ServedRelease[];
  /** The same of other modules, by their names. Default: none. */
  readonly alsoServing?: Readonly<Record<string, readonly ServedRelease[]>>;
  /** Default: enabled and reachable. */
  readonly enabled?: boolean;
  readonly reachable?: boolean;
}

/** What was committed, with the changes that went with it. @public */
export type CommitListener = (batches: readonly JournalBatch[], now: number) => void;

/** @public */
export interface SimulationOptions {
  /** Strategies that the engine knows; the first is the one that `deploy` uses unless told otherwise. */
  readonly strategies: readonly Strategy<unknown>[];
  /** Nodes per region. Default 10 in `us-east`, 6 in `us-west`, 4 in `eu-central`. */
  readonly nodes?: Readonly<Record<string, number>>;
  /** Whether a node serves release `v1` before the rollout. Default: every node. */
  readonly serves?: (nodeId: string, position: number) => boolean;
  /** The nodes themselves, in place of `nodes` and `serves`. */
  readonly fleet?: readonly SimulatedNode[];
  /** Default `greeter`. */
  readonly moduleName?: string;
  /** Releases beyond those that are made up where they are named. */
  readonly releases?: readonly Release[];
  readonly script?: FleetScript;
  /** Default: healthy traffic. */
  readonly metrics?: (query: MetricsQuery) => VariantMetrics;
  /** What routers have counted of a mirror. Default: nothing. */
  readonly mirrored?: MemoryDatabase['mirrorTally'];
  /** Default: a router that chooses between nodes and serves every revision at once. */
  readonly router?: TrafficRouter;
  /** Further sources that triggers may ask. Default none. */
  readonly metricsSources?: NonNullable<RolloutEngineOptions['metricsSources']>;
  readonly selector?: NodeSelector;
  /** Selectors that deployments may name. */
  readonly selectors?: readonly NodeSelectorPlugin<unknown>[];
  /** Engines that all get every wake, one after the other unless `interleave` is given. Default 1. */
  readonly engines?: number;
  /** Awaited before each access to the store: lets a test interleave engines. */
  readonly interleave?: () => Promise<void>;
  readonly failpoint?: (name: string) => void;
  /** When virtual time begins. Default 1 January 2026. */
  readonly startsAt?: number;
  /** Told of every commit, right after it. */
  readonly onCommit?: CommitListener;
}

/** @public */
export interface SimulatedDeployment {
  readonly strategy?: string;
  readonly config?: unknown;
  readonly spec?: Partial<DeploymentSpec>;
}

/** A router that chooses between nodes and has applied every route the moment it is written. @public */
export const instantRouter: TrafficRouter = {
  name: 'instant',
  spansNodes: true,
  canMirror: true,
  servedRevision: async () => null,
};

/** A release of which nothing matters but its name. @internal */
export const madeUpRelease = (moduleName: string, releaseId: string): Release => ({
  tenant,
  releaseId,
  moduleId: `${moduleName}-${releaseId}`,
  moduleName,
  version: '1.0.0',
  digest: '0'.repeat(64),
  sizeBytes: 1_000,
  config: {},
  capabilities: noCapabilities,
  resourceLimits: defaultResourceLimits,
  http: null,
  runtime: defaultModuleRuntime,
  healthCheck: {},
});

/**
 * The production engine over an in-memory store, a scripted fleet and virtual time.
 * @public
 */
export class Simulation {
  readonly time: VirtualTime;
  readonly database: MemoryDatabase = new MemoryDatabase();
  readonly store: JournalStore;
  readonly fleetReader: MemoryFleetReader = new MemoryFleetReader(this.database);
  readonly scheduler: VirtualScheduler;
  readonly metrics: ScriptedMetrics;
  readonly fleet: ScriptedFleet;
  readonly #options: SimulationOptions;
  readonly #nudged = new Set<string>();
  #engines: readonly RolloutEngine[];
  /** Errors that left an engine while it was woken. */
  readonly errors: unknown[] = [];

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.time = new VirtualTime(options.startsAt);
    this.scheduler = new VirtualScheduler(this.time);
    const store = new MemoryJournalStore(this.database);
    const watched = options.onCommit ? this.#watched(store, options.onCommit) : store;
    this.store = options.interleave ? interleaved(watched, options.interleave) : watched;
    this.metrics = new ScriptedMetrics(this.time, options.metrics);
    this.fleet = new ScriptedFleet(this.database, this.time, options.script ?? {}, (deploymentIds) =>
      this.#nudge(deploymentIds),
    );
    if (options.mirrored) this.database.mirrorTally = options.mirrored;
    this.database.onWake = (wake) => this.scheduler.request(wake);
    this.#populate();
    this.#engines = this.#makeEngines();
    void this.scheduler.start(({ deploymentId }) => this.#wake(deploymentId));
  }

  /** The first engine. */
  get engine(): RolloutEngine {
    return this.#engines[0] as RolloutEngine;
  }

  get moduleName(): string {
    return this.#options.moduleName ?? defaultModuleName;
  }

  get engines(): readonly RolloutEngine[] {
    return this.#engines;
  }

  /** Throws every engine away and makes new ones: what a restarted server knows is what the store holds. */
  restart(strategies?: readonly Strategy<unknown>[]): void {
    const stopped = this.#engines.length === 0;
    this.#engines = this.#makeEngines(strategies);
    if (stopped) for (const [deploymentId] of this.database.deployments) this.#nudge([deploymentId]);
  }

  /** Takes every engine away until {@link restart}: reports and wakes go unheard. */
  stop(): void {
    this.#engines = [];
  }

  /** Makes another engine on the same store. */
  makeEngine(options: Partial<RolloutEngineOptions> = {}): RolloutEngine {
    const { strategies, router = instantRouter, selector, selectors, failpoint } = this.#options;
    return createRolloutEngine({
      journal: this.store,
      fleet: this.fleetReader,
      metrics: this.metrics,
      clock: this.time,
      router,
      strategies,
      engineId: 'engine',
      ...(selector ? { selector } : {}),
      ...(this.#options.metricsSources ? { metricsSources: this.#options.metricsSources } : {}),
      ...(selectors ? { selectors } : {}),
      ...(failpoint ? { failpoint } : {}),
      ...options,
    });
  }

  /** Creates a deployment of release `v2`, named `d` unless the spec says otherwise. */
  async create(deployment: SimulatedDeployment = {}): Promise<Deployment> {
    const name = deployment.strategy ?? this.#options.strategies[0]?.name;
    const strategy = this.#options.strategies.find((known) => known.name === name);
    const config = strategy ? parseStrategyConfig(strategy, deployment.config) : null;
    const spec: DeploymentSpec = {
      tenant,
      deploymentId: 'd',
      moduleName: this.moduleName,
      moduleId: `${this.moduleName}-v2`,
      releaseId: 'v2',
      strategy: name ?? '',
      config,
      regions: null,
      healthCheck: defaultHealthCheck,
      autoRollback: defaultAutoRollback,
      progressDeadline: 'PT30M',
      retention: 'PT1H',
      author: 'alice',
      ...deployment.spec,
    };
    this.#ensureRelease(spec.releaseId, spec.moduleName);
    return this.engine.create(spec, spec.author);
  }

  /** Creates and executes; time has not moved when it returns. */
  async deploy(deployment: SimulatedDeployment = {}): Promise<Deployment> {
    const { spec } = await this.create(deployment);
    return this.command('execute', { deploymentId: spec.deploymentId });
  }

  /** Gives a command to the first engine. */
  async command(
    command: DeploymentCommand,
    options: DeploymentCommandOptions & { readonly deploymentId?: string } = {},
  ): Promise<Deployment> {
    const { deploymentId = 'd', ...rest } = options;
    return this.engine.command(tenant, deploymentId, command, 'bob', rest);
  }

  async state(deploymentId = 'd'): Promise<Deployment> {
    return this.engine.state(tenant, deploymentId);
  }

  journal(deploymentId = 'd'): readonly JournalEntry[] {
    return this.database.journal(tenant, deploymentId);
  }

  /** Lets everything happen that happens by itself within the time, retention included. Default 12 hours. */
  async finish(limitMs: number = longestRolloutMs): Promise<void> {
    await this.time.advance(limitMs);
  }

  /** Share of all requests that a release gets by the route, in percent. */
  sharePercent(releaseId: string): number {
    let own = 0;
    let all = 0;
    for (const node of this.database.nodes.values()) {
      for (const [id, { weight }] of node.modules.get(this.moduleName) ?? []) {
        all += weight;
        if (id === releaseId) own += weight;
      }
    }
    return all === 0 ? 0 : (100 * own) / all;
  }

  /** Wakes the deployments that a node takes part in, once for all reports of the next 50 ms. */
  nudge(nodeId: string): void {
    this.#nudge(this.database.activeDeployments(nodeId));
  }

  #nudge(deploymentIds: readonly string[]): void {
    for (const deploymentId of deploymentIds) {
      if (this.#nudged.has(deploymentId)) continue;
      this.#nudged.add(deploymentId);
      this.time.after(coalesceMs, async () => {
        this.#nudged.delete(deploymentId);
        try {
          await this.#wake(deploymentId);
        } catch {
          this.scheduler.request({ tenant: tenant, deploymentId, at: this.time.now() + 1_000 });
        }
      });
    }
  }

  async #wake(deploymentId: string): Promise<void> {
    const results = await Promise.allSettled(this.#engines.map((engine) => engine.advance(tenant, deploymentId)));
    for (const result of results) if (result.status === 'fulfilled') this.#schedule(deploymentId, result.value);
    const failed = results.filter((result) => result.status === 'rejected');
    this.errors.push(...failed.map((result) => result.reason as unknown));
    if (failed.length > 0 && failed.length === results.length) throw failed[0]?.reason;
  }

  #schedule(deploymentId: string, advance: Advance): void {
    if (advance.kind !== 'idle' && advance.wakeAt !== undefined)
      this.scheduler.request({ tenant: tenant, deploymentId, at: Math.max(advance.wakeAt, this.time.now()) });
  }

  #makeEngines(strategies: readonly Strategy<unknown>[] = this.#options.strategies): readonly RolloutEngine[] {
    return Array.from({ length: this.#options.engines ?? 1 }, (_, n) =>
      this.makeEngine({ engineId: `engine-${n}`, strategies }),
    );
  }

  #populate(): void {
    for (const release of this.#options.releases ?? []) this.database.addRelease(release);
    this.#ensureRelease('v1');
    const shared = new Map<SimulatedNode['serving'], Assignments>();
    for (const node of this.#options.fleet ?? this.#madeUpFleet()) {
      const { serving = onlyFirst, alsoServing = {}, enabled = true, reachable = true, ...place } = node;
      this.database.addNode(place);
      const settled: string[] = [];
      for (const [moduleName, served] of [[this.moduleName, serving] as const, ...Object.entries(alsoServing)]) {
        if (served.length === 0) continue;
        const assignments = shared.get(served) ?? this.#assignmentsOf(served, moduleName);
        shared.set(served, assignments);
        this.database.node(node.nodeId).modules.set(moduleName, assignments);
        settled.push(...assignments.keys());
      }
      if (settled.length > 0) this.fleet.settle(node.nodeId, settled);
      if (!enabled) this.database.setEnabled(node.nodeId, false);
      if (!reachable) this.fleet.disconnect(node.nodeId);
    }
  }

  *#madeUpFleet(): Generator<SimulatedNode, void, undefined> {
    const { nodes = { 'us-east': 10, 'us-west': 6, 'eu-central': 4 }, serves = () => true } = this.#options;
    let position = 0;
    for (const [region, count] of Object.entries(nodes)) {
      for (let n = 0; n < count; n++, position++) {
        const nodeId = `${region}-${String(n).padStart(String(count - 1).length, '0')}`;
        yield { nodeId, region, serving: serves(nodeId, position) ? onlyFirst : nothing };
      }
    }
  }

  #assignmentsOf(serving: NonNullable<SimulatedNode['serving']>, moduleName: string): Assignments {
    for (const { releaseId } of serving) this.#ensureRelease(releaseId, moduleName);
    return new Map(serving.map(({ releaseId, weight }) => [releaseId, { weight, probe: null }]));
  }

  #ensureRelease(releaseId: string, moduleName: string = this.moduleName): void {
    if (!this.database.releases.has(releaseId)) this.database.addRelease(madeUpRelease(moduleName, releaseId));
  }

  #watched(store: JournalStore, onCommit: CommitListener): JournalStore {
    return {
      read: (...args) => store.read(...args),
      append: async (batches) => {
        await store.append(batches);
        onCommit(batches, this.time.now());
      },
    };
  }
}

const onlyFirst: NonNullable<SimulatedNode['serving']> = [{ releaseId: 'v1', weight: 100 }];
const nothing: NonNullable<SimulatedNode['serving']> = [];

function interleaved(store: JournalStore, pause: () => Promise<void>): JournalStore {
  return {
    async read(...args) {
      await pause();
      return store.read(...args);
    },
    async append(batches) {
      await pause();
      await store.append(batches);
      await pause();
    },
  };
}

/**
 * Runs one rollout to its end, retention included (12 hours unless told otherwise), and returns the simulation for a look around.
 * @public
 */
export async function simulateRollout(
  options: SimulationOptions & SimulatedDeployment & { readonly untilMs?: number },
): Promise<Simulation> {
  const simulation = new Simulation(options);
  await simulation.deploy(options);
  await simulation.finish(options.untilMs);
  return simulation;
}
