import {
  defaultAutoRollback,
  defaultModuleRuntime,
  defaultResourceLimits,
  genesisHash,
  hashEntry,
  noCapabilities,
  resolveHealthCheck,
  type Change,
  type DeploymentSpec,
  type DeploymentSummary,
  type JournalBatch,
  type JournalEntry,
  type JournalEvent,
  type ObservedRelease,
  type ReleaseCallDelta,
} from '@hotswap/core';
import {
  DesiredStateRepository,
  HeartbeatRepository,
  ModuleRepository,
  NodeRepository,
  PostgresFleetReader,
  PostgresJournalStore,
  ReleaseRepository,
  type Database,
  type HeartbeatOutcome,
} from '../src/index.ts';

let scenes = 0;

/** A tenant with modules, nodes and deployments of its own, so that tests share one database without meeting. */
export class Scene {
  readonly tenant: string = `tenant-${process.pid}-${++scenes}`;
  readonly database: Database;
  readonly modules: ModuleRepository;
  readonly releases: ReleaseRepository;
  readonly nodes: NodeRepository;
  readonly heartbeats: HeartbeatRepository;
  readonly desired: DesiredStateRepository;
  readonly fleet: PostgresFleetReader;
  readonly journal: PostgresJournalStore;
  readonly #heads = new Map<string, JournalEntry>();
  readonly #sequences = new Map<string, number>();

  constructor(database: Database) {
    this.database = database;
    this.modules = new ModuleRepository(database);
    this.releases = new ReleaseRepository(database);
    this.nodes = new NodeRepository(database);
    this.heartbeats = new HeartbeatRepository(database);
    this.desired = new DesiredStateRepository(database);
    this.fleet = new PostgresFleetReader(database);
    this.journal = new PostgresJournalStore(database);
  }

  id(name: string): string {
    return `${this.tenant}-${name}`;
  }

  /** Registers a version of the module `greeter` and returns the id of its release. */
  async release(version: string, name = 'greeter'): Promise<string> {
    const moduleId = `${name}-v${version}`;
    const about = {
      tenant: this.tenant,
      moduleId,
      version,
      digest: version.replaceAll('.', '').padStart(64, '0'),
      sizeBytes: 10,
      capabilities: noCapabilities,
      resourceLimits: defaultResourceLimits,
      http: null,
      runtime: defaultModuleRuntime,
      healthCheck: {},
    };
    const description = {
      kind: 'core',
      wasiLevel: 'none',
      sizeBytes: 10,
      imports: [],
      exports: [],
      functions: [],
      isCommand: false,
      servesHttp: null,
    } as const;
    await this.modules.insert({
      ...about,
      name,
      description,
      wasiVersion: 'none',
      interfaces: null,
      createdBy: 'test',
    });
    const { releaseId } = await this.releases.insert({ ...about, moduleName: name, config: {} });
    return releaseId;
  }

  /** Registers nodes `n0`, `n1`, ... that have reported once. */
  async join(count: number, region: (at: number) => string = () => 'us-east'): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, (_, at) => `n${at}`);
    const { token } = await this.nodes.createJoinToken({
      tenant: this.tenant,
      uses: count,
      expiresInMs: 60_000,
      regions: null,
      createdBy: 'test',
    });
    for (const [at, nodeId] of ids.entries()) {
      await this.nodes.register(token, {
        nodeId,
        hostname: nodeId,
        region: region(at),
        runtime: 'test',
        runtimeVersion: '1',
        capabilities: {},
        maxModules: 10,
        hardware: { cpuCores: 1, totalMemoryMB: 1, architecture: 'x64' },
        dataPlaneUrl: `http://127.0.0.1:${10_000 + at}`,
      });
      await this.report(nodeId, 0, []);
    }
    return ids;
  }

  spec(deploymentId: string, releaseId: string, changes: Partial<DeploymentSpec> = {}): DeploymentSpec {
    return {
      tenant: this.tenant,
      deploymentId: this.id(deploymentId),
      moduleName: 'greeter',
      moduleId: 'greeter-v1.0.0',
      releaseId,
      strategy: 'Rolling',
      config: {},
      regions: null,
      healthCheck: resolveHealthCheck(),
      autoRollback: defaultAutoRollback,
      progressDeadline: 'PT30M',
      retention: 'PT1H',
      author: 'test',
      ...changes,
    };
  }

  /** The next batch of a deployment's journal. */
  async batch(
    deploymentId: string,
    changes: readonly Change[],
    summary: Partial<DeploymentSummary> = {},
    more: Partial<JournalBatch> = {},
  ): Promise<JournalBatch> {
    const id = this.id(deploymentId);
    const previous = this.#heads.get(id);
    const event: JournalEvent = { type: 'command', command: 'execute' };
    const unhashed = {
      ...event,
      seq: (previous?.seq ?? -1) + 1,
      at: 1_000,
      actor: 'test',
      previousHash: previous?.hash ?? genesisHash,
      hash: '',
    };
    const entry: JournalEntry = { ...unhashed, hash: await hashEntry(unhashed) };
    return {
      tenant: this.tenant,
      deploymentId: id,
      expectedHead: previous?.hash ?? genesisHash,
      entries: [entry],
      changes,
      summary: { status: 'InProgress', progressPercent: 0, ...summary },
      ...more,
    };
  }

  async append(...batches: readonly JournalBatch[]): Promise<void> {
    await this.journal.append(batches);
    for (const batch of batches) this.#heads.set(batch.deploymentId, batch.entries.at(-1) as JournalEntry);
  }

  /** Takes the head from the database: for commits whose answer was lost. */
  async adopt(deploymentId: string): Promise<void> {
    const last = (await this.journal.read(this.tenant, this.id(deploymentId))).at(-1);
    if (last) this.#heads.set(this.id(deploymentId), last);
  }

  async change(deploymentId: string, ...changes: readonly Change[]): Promise<void> {
    await this.append(await this.batch(deploymentId, changes));
  }

  /** Opens a deployment of the release over all nodes given, with what they serve now as baseline. */
  async deploy(deploymentId: string, releaseId: string, targets: readonly string[]): Promise<void> {
    await this.append(await this.batch(deploymentId, [{ kind: 'open', spec: this.spec(deploymentId, releaseId) }]));
    const serving = new Map(
      (await this.fleet.candidates(this.tenant, 'greeter', null)).map((node) => [node.nodeId, node.serving]),
    );
    const baseline = targets.map((nodeId, at) => ({
      nodes: [[at, at + 1]] as const,
      releases: serving.get(nodeId) ?? [],
    }));
    await this.change(deploymentId, {
      kind: 'freeze',
      targets,
      baseline,
      epoch: (await this.fleet.epoch(this.tenant, 'greeter')) + 1,
    });
  }

  /** Rolls a release out completely, so that nodes serve it with weight 100. */
  async serve(deploymentId: string, releaseId: string, targets: readonly string[]): Promise<void> {
    await this.deploy(deploymentId, releaseId, targets);
    const all = [[0, targets.length]] as const;
    await this.change(deploymentId, { kind: 'assign', nodes: all, releaseId });
    await this.change(deploymentId, {
      kind: 'route',
      releaseId,
      to: all,
      among: all,
      weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    });
    await this.append(
      await this.batch(deploymentId, [{ kind: 'retireReplaced', nodes: all }], { status: 'Completed' }),
    );
    for (const nodeId of targets)
      await this.report(nodeId, await this.generation(nodeId), [{ releaseId, state: 'ready' }]);
  }

  /** The node reports a generation and its releases of `greeter`, with the next sequence number unless one is given. */
  async report(
    nodeId: string,
    generation: number,
    releases: readonly Omit<ObservedRelease, 'moduleName'>[],
    more: {
      readonly metrics?: readonly ReleaseCallDelta[];
      readonly bootId?: string;
      readonly sequence?: number;
      readonly epochs?: Readonly<Record<string, number>>;
    } = {},
  ): Promise<HeartbeatOutcome> {
    const sequence = more.sequence ?? (this.#sequences.get(nodeId) ?? 0) + 1;
    this.#sequences.set(nodeId, sequence);
    const [outcome] = await this.heartbeats.record(this.tenant, [
      {
        nodeId,
        bootId: more.bootId ?? 'boot-1',
        sequence,
        metrics: more.metrics ?? [],
        observed: {
          generation,
          releases: releases.map((release) => ({ moduleName: 'greeter', ...release })),
          ...(more.epochs === undefined ? {} : { epochs: more.epochs }),
        },
        resources: { cpuUsagePercent: 1, memoryUsageMB: 2, modulesLoaded: releases.length },
      },
    ]);
    return outcome as HeartbeatOutcome;
  }

  async generation(nodeId: string): Promise<number> {
    return (await this.desired.marks(this.tenant, [nodeId])).get(nodeId)?.generation ?? -1;
  }

  async generations(nodeIds: readonly string[]): Promise<readonly number[]> {
    const all = await this.desired.marks(this.tenant, nodeIds);
    return nodeIds.map((nodeId) => all.get(nodeId)?.generation ?? -1);
  }

  /** Weights in the route by node and release. */
  async weights(nodeId: string): Promise<Readonly<Record<string, number>>> {
    const rows = await this.database.query<{ id: string; weight: number }>(
      'select release_id as id, weight from assignments where tenant = $1 and node_id = $2',
      [this.tenant, nodeId],
    );
    return Object.fromEntries(rows.map(({ id, weight }) => [id, weight]));
  }
}
