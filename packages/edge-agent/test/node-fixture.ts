import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defaultModuleRuntime,
  defaultResourceLimits,
  noCapabilities,
  type DesiredModule,
  type DesiredRelease,
  type DesiredState,
  type EventSink,
  type HotSwapEvent,
} from '@hotswap/core';
import { AppliedStateFile } from '../src/modules/applied-state.ts';
import { CallMetrics } from '../src/metrics/call-metrics.ts';
import { noGrants } from '../src/modules/capability-grants.ts';
import { agentError } from '../src/error-codes.ts';
import { noAgentFailpoint } from '../src/failpoint.ts';
import { KeptVersions } from '../src/modules/kept-versions.ts';
import { LoadTimes } from '../src/modules/load-times.ts';
import { LoadQuarantine } from '../src/modules/load-quarantine.ts';
import { ModuleCache, type ModuleOrigin } from '../src/modules/module-cache.ts';
import { NodeLog } from '../src/log/node-log.ts';
import { NodeReconciler } from '../src/modules/reconcile-node.ts';
import { ReleaseLoader } from '../src/modules/release-loader.ts';
import { FakeRuntimeHost, type FakeModule } from './fake-runtime-host.ts';

export const nodeId = 'edge-1';

/** Keeps what was emitted. */
export class RecordingEvents implements EventSink {
  readonly events: HotSwapEvent[] = [];

  emit(event: HotSwapEvent): void {
    this.events.push(event);
  }

  topics(): readonly string[] {
    return this.events.map(({ topic }) => topic);
  }
}

/** A node without sockets: fake runtime, real files in a folder of its own. */
export class NodeFixture implements AsyncDisposable {
  readonly folder: string;
  readonly runtime: FakeRuntimeHost = new FakeRuntimeHost();
  readonly events: RecordingEvents = new RecordingEvents();
  readonly metrics: CallMetrics = new CallMetrics();
  readonly log: NodeLog = new NodeLog({ maxBytes: 100_000, maxLines: 1_000 });
  readonly reconciler: NodeReconciler;
  /** Pulls that were asked for, by module id. */
  readonly pulls: string[];
  changes = 0;
  served = 0;
  readonly #origins: Map<string, Buffer>;

  private constructor(folder: string, cache: ModuleCache, origins: Map<string, Buffer>, options: NodeFixtureOptions) {
    this.folder = folder;
    this.#origins = origins;
    this.pulls = [];
    const origin: ModuleOrigin = {
      read: async ({ moduleId, digest }) => {
        this.pulls.push(moduleId);
        const bytes = origins.get(digest);
        if (bytes === undefined) throw agentError('HS_AGENT_PULL_REFUSED', { moduleId, status: 404, why: 'not there' });
        return { fromByte: 0, chunks: chunksOf(bytes) };
      },
    };
    const loader = new ReleaseLoader({
      runtime: this.runtime,
      cache,
      origin,
      times: new LoadTimes(),
      quarantine: new LoadQuarantine(join(folder, 'loading')),
      grants: noGrants,
      concurrency: options.concurrency ?? 4,
      retryForMs: 0,
    });
    this.reconciler = new NodeReconciler({
      nodeId,
      slots: this.runtime.slots,
      applied: new AppliedStateFile(join(folder, 'applied-state'), this.events),
      versions: new KeptVersions(cache, options.keepVersions ?? 2),
      loader,
      cache,
      metrics: this.metrics,
      log: this.log,
      events: this.events,
      failpoint: noAgentFailpoint,
      maxModules: options.maxModules ?? 1_000,
      drainGraceMs: options.drainGraceMs ?? 0,
      drainDeadlineMs: 1_000,
      onChange: () => this.changes++,
      onServed: () => this.served++,
    });
  }

  /** @param folder of an earlier fixture, to start where that one ended */
  static async create(options: NodeFixtureOptions = {}): Promise<NodeFixture> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'hotswap-agent-')));
    return new NodeFixture(
      folder,
      await ModuleCache.open(join(folder, 'modules'), options.cacheMaxSizeBytes ?? 1_000_000),
      options.origins ?? new Map(),
      options,
    );
  }

  /** Defines a module and a release of it, of the same name. */
  release(releaseId: string, weight: number, module: FakeModule = {}): DesiredRelease {
    const { bytes, digest, sizeBytes } = this.runtime.define(releaseId, module);
    this.#origins.set(digest, bytes);
    return desiredRelease({ releaseId, digest, sizeBytes, weight });
  }

  async apply(generation: number, ...modules: readonly DesiredModule[]): Promise<void> {
    this.reconciler.offer(desiredState(generation, ...modules));
    await this.reconciler.idle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reconciler.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface NodeFixtureOptions {
  readonly folder?: string;
  readonly origins?: Map<string, Buffer>;
  readonly maxModules?: number;
  readonly drainGraceMs?: number;
  readonly concurrency?: number;
  readonly keepVersions?: number;
  readonly cacheMaxSizeBytes?: number;
}

export function desiredRelease(
  release: Partial<DesiredRelease> & Pick<DesiredRelease, 'releaseId' | 'digest' | 'sizeBytes' | 'weight'>,
): DesiredRelease {
  return {
    moduleId: `${release.releaseId}-v1.0.0`,
    version: '1.0.0',
    config: {},
    capabilities: noCapabilities,
    resourceLimits: defaultResourceLimits,
    http: null,
    runtime: defaultModuleRuntime,
    ...release,
  };
}

export function desiredModule(
  moduleName: string,
  epoch: number,
  ...releases: readonly DesiredRelease[]
): DesiredModule {
  return { moduleName, epoch, releases };
}

export function desiredState(generation: number, ...modules: readonly DesiredModule[]): DesiredState {
  return { nodeId, generation, modules, heartbeatIntervalMs: 30_000 };
}

export async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}
