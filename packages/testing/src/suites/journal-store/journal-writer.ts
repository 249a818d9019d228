import {
  defaultAutoRollback,
  defaultHealthCheck,
  defaultModuleRuntime,
  defaultResourceLimits,
  genesisHash,
  hashEntry,
  noCapabilities,
  type BaselineGroup,
  type Change,
  type DeploymentSpec,
  type DeploymentSummary,
  type DesiredRelease,
  type EntryHash,
  type JournalBatch,
  type JournalEntry,
  type JournalEvent,
  type Release,
} from '@hotswap/core';
import type { JournalStoreRig } from './journal-store-rig.ts';

/** Time of the suite's entries; nothing in a store may depend on it. */
const writtenAt = Date.UTC(2026, 0, 1);

/** A release of the module that the suite deploys. @internal */
export function exampleRelease(releaseId: string, more: Partial<Release> = {}): Release {
  return {
    tenant: 'default',
    releaseId,
    moduleId: `greeter-${releaseId}`,
    moduleName: 'greeter',
    version: '1.0.0',
    digest: 'ab'.repeat(32),
    sizeBytes: 1_000,
    config: { motd: 'hello' },
    capabilities: noCapabilities,
    resourceLimits: defaultResourceLimits,
    http: { hosts: ['*.example.org'], pathPrefix: '/greet', access: 'public', affinity: { cookie: 'session' } },
    runtime: { ...defaultModuleRuntime, reuse: { maxInstances: 3, maxCalls: 5, maxIdleTime: 'PT1M' }, fuel: 9 },
    healthCheck: {},
    ...more,
  };
}

/** @internal */
export function exampleSpec(deploymentId: string, more: Partial<DeploymentSpec> = {}): DeploymentSpec {
  return {
    tenant: 'default',
    deploymentId,
    moduleName: 'greeter',
    moduleId: 'greeter-v2',
    releaseId: 'v2',
    strategy: 'Canary',
    config: { stages: [100] },
    regions: null,
    healthCheck: defaultHealthCheck,
    autoRollback: defaultAutoRollback,
    progressDeadline: 'PT30M',
    retention: 'PT1H',
    author: 'alice',
    ...more,
  };
}

/** Writes one deployment's journal the way the engine does. @internal */
export class JournalWriter {
  readonly #rig: JournalStoreRig;
  readonly spec: DeploymentSpec;
  head: EntryHash = genesisHash;
  seq = 0;
  summary: DeploymentSummary = { status: 'Pending', progressPercent: 0 };

  constructor(rig: JournalStoreRig, deploymentId: string, more: Partial<DeploymentSpec> = {}) {
    this.#rig = rig;
    this.spec = exampleSpec(deploymentId, more);
  }

  /** The batch for events on the present head. */
  async batch(
    events: readonly JournalEvent[],
    changes: readonly Change[] = [],
    more: Partial<JournalBatch> = {},
  ): Promise<JournalBatch> {
    const entries: JournalEntry[] = [];
    let previousHash = more.expectedHead ?? this.head;
    for (const [n, event] of events.entries()) {
      const entry = { ...event, seq: this.seq + n, at: writtenAt + this.seq + n, actor: 'suite', previousHash };
      previousHash = await hashEntry(entry);
      entries.push({ ...entry, hash: previousHash });
    }
    return {
      tenant: this.spec.tenant,
      deploymentId: this.spec.deploymentId,
      expectedHead: this.head,
      entries,
      changes,
      summary: this.summary,
      ...more,
    };
  }

  /** Notes that a batch has been written. */
  wrote(batch: JournalBatch): void {
    this.head = batch.entries.at(-1)?.hash ?? this.head;
    this.seq += batch.entries.length;
    this.summary = batch.summary;
  }

  async append(
    events: readonly JournalEvent[],
    changes: readonly Change[] = [],
    more: Partial<JournalBatch> = {},
  ): Promise<JournalBatch> {
    const batch = await this.batch(events, changes, more);
    await this.#rig.store.append([batch]);
    this.wrote(batch);
    return batch;
  }

  async open(): Promise<void> {
    await this.append(
      [{ type: 'created', spec: this.spec, specHash: 'cd'.repeat(32) }],
      [{ kind: 'open', spec: this.spec }],
    );
  }

  /** Executes over nodes that serve nothing unless a baseline is given. */
  async freeze(
    targets: readonly string[],
    baseline: readonly BaselineGroup[] = [{ nodes: [[0, targets.length]], releases: [] }],
    epoch = 1,
  ): Promise<void> {
    this.summary = { status: 'InProgress', progressPercent: 0 };
    await this.append(
      [
        {
          type: 'executed',
          strategyVersions: { Canary: 1 },
          effectSetVersion: 1,
          targets,
          regions: {},
          baseline,
          routerSpansNodes: true,
          epoch,
        },
      ],
      [{ kind: 'freeze', targets, baseline, epoch }],
    );
  }

  /** Commits changes with an entry that says nothing. */
  async change(...changes: readonly Change[]): Promise<void> {
    await this.append([{ type: 'command', command: 'pause', reason: 'suite' }], changes);
  }

  /** Ends the deployment; with a retention when a time is given. */
  async complete(retainedUntil?: number): Promise<void> {
    this.summary = {
      status: 'Completed',
      progressPercent: 100,
      ...(retainedUntil === undefined ? {} : { retainedUntil }),
    };
    await this.append([
      retainedUntil === undefined
        ? { type: 'closed', status: 'Completed' }
        : { type: 'turned', to: 'retention', reason: 'done', outcome: { status: 'Completed' } },
    ]);
  }
}

/** A rig with nodes `n0`... in one region and releases `v1`, `v2`, `v3`. @internal */
export async function populate(rig: JournalStoreRig, count: number, region = 'us-east'): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, n) => `n${n}`);
  for (const nodeId of ids) await rig.addNode({ nodeId, region });
  for (const releaseId of ['v1', 'v2', 'v3']) await rig.addRelease(exampleRelease(releaseId));
  return ids;
}

/** Nodes that serve `v1` because a former deployment, now closed, brought it there. @internal */
export async function serveBaseline(rig: JournalStoreRig, nodes: readonly string[]): Promise<BaselineGroup> {
  const former = new JournalWriter(rig, 'former', { releaseId: 'v1', moduleId: 'greeter-v1' });
  const all = [[0, nodes.length]] as const;
  await former.open();
  await former.freeze(nodes);
  await former.change(
    { kind: 'assign', nodes: all, releaseId: 'v1' },
    {
      kind: 'route',
      releaseId: 'v1',
      to: all,
      among: all,
      weights: { candidate: 100, baselineOnStage: 0, baselineElsewhere: 0 },
    },
  );
  await former.complete();
  for (const nodeId of nodes) await obey(rig, nodeId);
  return { nodes: all, releases: [{ releaseId: 'v1', weight: 100 }] };
}

/** Lets a node report that it has made everything so. @internal */
export async function obey(rig: JournalStoreRig, nodeId: string): Promise<void> {
  const desired = await rig.desired(nodeId);
  const releases = desired.modules.flatMap(({ moduleName, releases: all }) =>
    all.map(({ releaseId }) => ({ moduleName, releaseId, state: 'ready' as const })),
  );
  await rig.report(nodeId, { generation: desired.generation, releases });
}

/** What a node shall hold of the module, by release. @internal */
export async function desiredReleases(
  rig: JournalStoreRig,
  nodeId: string,
): Promise<Readonly<Record<string, DesiredRelease>>> {
  const desired = await rig.desired(nodeId);
  const module = desired.modules.find(({ moduleName }) => moduleName === 'greeter');
  return Object.fromEntries((module?.releases ?? []).map((release) => [release.releaseId, release]));
}

/** Weights of the module's releases on a node, rounded so that a store's arithmetic does not show. @internal */
export async function weightsOn(rig: JournalStoreRig, nodeId: string): Promise<Readonly<Record<string, number>>> {
  return Object.fromEntries(
    Object.entries(await desiredReleases(rig, nodeId)).map(([releaseId, { weight }]) => [
      releaseId,
      Number(weight.toFixed(6)),
    ]),
  );
}
