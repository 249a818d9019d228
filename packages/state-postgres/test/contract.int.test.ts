import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type {
  DeploymentId,
  DeploymentSummary,
  DesiredState,
  MirrorReport,
  ObservedState,
  Release,
} from '@hotswap/core';
import {
  journalStoreSuite,
  policyStoreSuite,
  schedulerSuite,
  type JournalStoreRig,
  type SchedulerRig,
} from '@hotswap/testing';
import {
  DeploymentRepository,
  DesiredStateRepository,
  HeartbeatRepository,
  NodeRepository,
  PolicyRepository,
  PostgresFleetReader,
  PostgresJournalStore,
  PostgresScheduler,
  RouteRepository,
  type Database,
} from '../src/index.ts';
import { backends } from './open-test-database.ts';

const tenant = 'default';
const tables = [
  'deployments',
  'journal_entries',
  'deployment_targets',
  'deployment_baselines',
  'outbox',
  'nodes',
  'node_heartbeats',
  'assignments',
  'observations',
  'routes',
  'releases',
  'modules',
];

async function empty(database: Database): Promise<void> {
  await database.execute(`truncate ${tables.join(', ')} cascade`);
  await database.execute('delete from pgboss.job');
}

/** The releases that the suite's deployments name, whether or not a clause adds them itself. */
async function createRig(database: Database): Promise<JournalStoreRig> {
  await empty(database);
  const rig = new PostgresRig(database);
  for (const releaseId of ['v1', 'v2', 'v3'])
    await rig.addRelease({ ...anyRelease, releaseId, moduleId: `greeter-${releaseId}` });
  return rig;
}

const anyRelease: Release = {
  tenant,
  releaseId: '',
  moduleId: '',
  moduleName: 'greeter',
  version: '1.0.0',
  digest: 'ab'.repeat(32),
  sizeBytes: 1_000,
  config: { motd: 'hello' },
  capabilities: { env: {}, dirs: [], allowedHosts: [] },
  resourceLimits: { maxMemoryMB: 128, maxCpuPercent: 100, maxExecutionTime: 'PT5S', maxInputSize: 1_048_576 },
  http: { hosts: ['*.example.org'], pathPrefix: '/greet', access: 'public', affinity: { cookie: 'session' } },
  runtime: {
    reuse: { maxInstances: 3, maxCalls: 5, maxIdleTime: 'PT1M' },
    fuel: 9,
    simd: true,
    aotCache: true,
    stateful: false,
  },
  healthCheck: {},
};

class PostgresRig implements JournalStoreRig {
  readonly #database: Database;
  readonly store: PostgresJournalStore;
  readonly fleet: PostgresFleetReader;
  #sequence = 0;

  constructor(database: Database) {
    this.#database = database;
    this.store = new PostgresJournalStore(database);
    this.fleet = new PostgresFleetReader(database);
  }

  async addRelease(release: Release): Promise<void> {
    const {
      moduleId,
      moduleName,
      version,
      digest,
      sizeBytes,
      config,
      capabilities,
      resourceLimits,
      http,
      runtime,
      healthCheck,
      releaseId,
    } = release;
    await this.#database.execute(
      `insert into modules (tenant, module_id, name, version, digest, size_bytes, description, wasi_version, resource_limits, capabilities, health_check, created_by)
       values ($1, $2, $3, $2, $4, $5, '{}', 'none', '{}', '{}', '{}', 'suite') on conflict do nothing`,
      [tenant, moduleId, moduleName, digest, sizeBytes],
    );
    await this.#database.execute(
      `insert into releases (tenant, release_id, module_id, module_name, version, digest, size_bytes, config, capabilities, resource_limits, http, runtime, health_check)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict do nothing`,
      [
        tenant,
        releaseId,
        moduleId,
        moduleName,
        version,
        digest,
        sizeBytes,
        JSON.stringify(config),
        JSON.stringify(capabilities),
        JSON.stringify(resourceLimits),
        http === null ? null : JSON.stringify(http),
        JSON.stringify(runtime),
        JSON.stringify(healthCheck),
      ],
    );
  }

  async addNode(node: Parameters<JournalStoreRig['addNode']>[0]): Promise<void> {
    const nodes = new NodeRepository(this.#database);
    const { token } = await nodes.createJoinToken({
      tenant,
      uses: 1,
      expiresInMs: 60_000,
      regions: null,
      createdBy: 'suite',
    });
    const hardware = { cpuCores: 1, totalMemoryMB: 1, architecture: 'x64' };
    await nodes.register(token, {
      hostname: 'h',
      runtime: 'r',
      runtimeVersion: '1',
      capabilities: {},
      maxModules: 1,
      hardware,
      dataPlaneUrl: 'http://127.0.0.1',
      ...node,
    });
    await this.report(node.nodeId, { generation: 0, releases: [] });
  }

  async setEnabled(nodeId: string, enabled: boolean): Promise<void> {
    await new NodeRepository(this.#database).update(tenant, nodeId, { isEnabled: enabled });
  }

  async silence(nodeId: string): Promise<void> {
    await this.#database.execute(
      `update node_heartbeats set last_heartbeat_at = last_heartbeat_at - interval '1 hour' where node_id = $1`,
      [nodeId],
    );
    await this.#database.execute(
      `update deployment_targets set issued_at = issued_at - interval '1 hour' where node_id = $1`,
      [nodeId],
    );
  }

  async report(nodeId: string, observed: ObservedState): Promise<void> {
    const resources = { cpuUsagePercent: 0, memoryUsageMB: 0, modulesLoaded: 0 };
    await new HeartbeatRepository(this.#database).record(tenant, [
      { nodeId, bootId: 'boot', sequence: ++this.#sequence, observed, metrics: [], resources },
    ]);
  }

  async reportMirrors(instanceId: string, reports: readonly MirrorReport[]): Promise<void> {
    await new RouteRepository(this.#database).reportMirrors(instanceId, reports);
  }

  async desired(nodeId: string): Promise<DesiredState> {
    return (await new DesiredStateRepository(this.#database).read(tenant, [nodeId])).get(nodeId) as DesiredState;
  }

  async summary(deploymentId: DeploymentId): Promise<DeploymentSummary | null> {
    return (await new DeploymentRepository(this.#database).find(tenant, deploymentId))?.summary ?? null;
  }

  async wakes(): ReturnType<JournalStoreRig['wakes']> {
    const rows = await this.#database.query<{ data: { tenant: string; deploymentId: string }; at: Date }>(
      `select data, start_after as at from pgboss.job where name = 'rollout-wake' and state = 'created' order by created_on`,
    );
    return rows.map(({ data, at }) => ({ ...data, at: at.getTime() }));
  }

  async outbox(): ReturnType<JournalStoreRig['outbox']> {
    return this.#database.query(
      'select deployment_id as "deploymentId", severity, text from outbox order by message_id',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The next rig empties the tables.
  }
}

async function createSchedulerRig(database: Database): Promise<SchedulerRig> {
  await empty(database);
  const scheduler = new PostgresScheduler(database);
  return {
    scheduler,
    now: () => Date.now(),
    letPass: (ms) => delay(ms),
    // Handlers that fail are called again after one second, then after two to four.
    patienceMs: 15_000,
    [Symbol.asyncDispose]: () => scheduler[Symbol.asyncDispose](),
  };
}

describe.each(backends)('contracts on $name', ({ open }) => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await open());
  });
  afterAll(() => close());

  describe('JournalStore and FleetReader', () => {
    journalStoreSuite({ test: it, create: () => createRig(database) });
  });
  describe('PolicyStore', () => {
    policyStoreSuite({
      test: it,
      create: async () => {
        await database.execute('truncate policies');
        return {
          store: new PolicyRepository(database),
          other: new PolicyRepository(database),
          [Symbol.asyncDispose]: () => Promise.resolve(),
        };
      },
    });
  });
  describe('Scheduler', () => {
    schedulerSuite({ test: it, create: () => createSchedulerRig(database) });
  });
});
