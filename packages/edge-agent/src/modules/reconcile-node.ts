import type {
  DesiredModule,
  DesiredState,
  EventSink,
  Json,
  ObservedRelease,
  ObservedState,
  SlotTable,
} from '@hotswap/core';
import type { AppliedModule, AppliedState, AppliedStateFile } from './applied-state.ts';
import { agentError } from '../error-codes.ts';
import type { AgentFailpoint } from '../failpoint.ts';
import type { HttpModule } from '../fronts/http-routes.ts';
import type { KeptVersions } from './kept-versions.ts';
import type { LiveReleaseServices } from './live-release.ts';
import { ServedModule } from './served-module.ts';

/** @internal */
export interface NodeReconcilerOptions extends LiveReleaseServices {
  readonly nodeId: string;
  readonly slots: SlotTable;
  readonly applied: AppliedStateFile;
  readonly versions: KeptVersions;
  readonly events: EventSink;
  readonly failpoint: AgentFailpoint;
  /** Module names that the node takes at most. */
  readonly maxModules: number;
  readonly drainGraceMs: number;
  readonly drainDeadlineMs: number;
  /** Called after what a slot serves has changed. */
  readonly onServed: () => void;
}

interface Wish {
  readonly state: DesiredState;
  /** Which releases that failed are tried again. */
  readonly retry: 'all' | 'recoverable';
  /** It comes from disk: nothing is written back, and no fault is injected. */
  readonly isRestored: boolean;
}

/** What became of an offered state. @internal */
export type Offer = 'accepted' | 'known' | 'refused';

/**
 * Makes the node what desired state says, level-triggered: one reconciliation at a time, the newest state wins, modules
 * do not wait for each other. Never goes back: a lower generation is refused, and so is a module's lower epoch.
 * @internal
 */
export class NodeReconciler {
  readonly #options: NodeReconcilerOptions;
  readonly #modules = new Map<string, ServedModule>();
  /** Modules as they are in force. */
  readonly #inForce = new Map<string, DesiredModule>();
  readonly #closing = new Set<Promise<void>>();
  /** Never a module's epoch goes below this, also when the module was gone in between. */
  #epochs: Record<string, number> = {};
  /** Newest state that was accepted. */
  #accepted: DesiredState;
  /** Modules of it that are refused, and what is reported for them. */
  #refused: readonly ObservedRelease[] = [];
  /** Applied epochs of those that are refused as older: a server that has lost writes learns of them. */
  #fenced: Readonly<Record<string, number>> = {};
  #appliedGeneration = 0;
  #superseded = new AbortController();
  #pending: Wish | undefined;
  #running: Promise<void> | undefined;
  #unwritten: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(options: NodeReconcilerOptions) {
    this.#options = options;
    this.#accepted = { nodeId: options.nodeId, generation: 0, modules: [], heartbeatIntervalMs: 0 };
  }

  /** Newest generation that was accepted, applied or not. */
  get acceptedGeneration(): number {
    return this.#accepted.generation;
  }

  /** Module names that the node serves. */
  get moduleCount(): number {
    return this.#modules.size;
  }

  /** For the data plane; `undefined` when the node has nothing of that name. */
  module(moduleName: string): ServedModule | undefined {
    return this.#modules.get(moduleName);
  }

  /** Modules that are reached by HTTP, as they are in force. */
  httpModules(): readonly HttpModule[] {
    return [...this.#modules.values()].flatMap(({ http }) => http ?? []);
  }

  /** What the node has made of its desired state. */
  observe(): ObservedState {
    const releases = [...this.#modules.values()].flatMap((module) => module.observe());
    const observed = { generation: this.#appliedGeneration, releases: [...releases, ...this.#refused] };
    return Object.keys(this.#fenced).length === 0 ? observed : { ...observed, epochs: this.#fenced };
  }

  /**
   * Serves what was applied last, from disk alone if the bytes are there. Resolves when all of it is in force or has
   * failed. Call it before the first `offer`; one that comes before it has ended is newer, and wins.
   */
  async restore(): Promise<void> {
    const state = await this.#options.applied.read(this.#options.nodeId);
    if (state === undefined) return;
    this.#epochs = { ...state.epochs };
    for (const { desired, versions } of state.modules)
      if (versions !== undefined) this.#options.versions.restore(desired.moduleName, versions);
    const { nodeId, generation, heartbeatIntervalMs } = state;
    const restored = { nodeId, generation, heartbeatIntervalMs, modules: state.modules.map(({ desired }) => desired) };
    this.#accepted = restored;
    for (const { desired, kept } of state.modules) {
      if (kept === undefined) continue;
      const module = this.#served(desired.moduleName);
      module.want({ ...desired, releases: kept }, 'all');
      await module.settled();
      if (this.#accepted !== restored || this.#stopped) return;
      module.swap();
    }
    this.#pending = { state: restored, retry: 'all', isRestored: true };
    await this.#kick();
  }

  /** Takes a desired state, whole, as often as it comes. Returns at once; `idle` tells when it is in force. */
  offer(state: DesiredState): Offer {
    if (this.#stopped) return 'refused';
    if (state.nodeId !== this.#options.nodeId) return this.#refuse(state, 'it is meant for another node');
    if (state.generation < this.#accepted.generation)
      return this.#refuse(state, 'its generation is lower than the accepted one');
    const isKnown = state.generation === this.#accepted.generation;
    if (isKnown && ![...this.#modules.values()].some((module) => module.mayRecover)) return 'known';
    this.#accepted = isKnown ? this.#accepted : state;
    this.#pending = { state: this.#accepted, retry: isKnown ? 'recoverable' : 'all', isRestored: false };
    this.#superseded.abort();
    void this.#kick();
    return isKnown ? 'known' : 'accepted';
  }

  /** Tries again what failed in a way that may have passed; cheap when there is nothing. */
  recover(): void {
    if (this.#accepted.generation > 0) this.offer(this.#accepted);
  }

  /** Resolves when no reconciliation runs. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Lets go of all modules. Requests must have ended; nothing is accepted afterwards. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pending = undefined;
    this.#superseded.abort();
    await this.idle();
    if (this.#unwritten !== undefined) await this.#persist(this.#appliedGeneration);
    await Promise.all([...this.#modules.values()].map((module) => module.close()));
    await Promise.all(this.#closing);
  }

  #kick(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#pending !== undefined) {
      const wish = this.#pending;
      this.#pending = undefined;
      this.#superseded = new AbortController();
      try {
        await this.#reconcile(wish, this.#superseded.signal);
      } catch (error) {
        // Not applied, and so not reported as applied; what serves goes on.
        this.#emit('agent.reconcile-not-done', { generation: wish.state.generation, why: String(error) });
      }
    }
  }

  async #reconcile(wish: Wish, superseded: AbortSignal): Promise<void> {
    const { state } = wish;
    const wanted = this.#admissible(state);
    const gone = [...this.#modules.keys()].filter(
      (name) => !state.modules.some(({ moduleName }) => moduleName === name),
    );
    await Promise.all([
      ...gone.map((moduleName) =>
        this.#applyModule({ moduleName, epoch: this.#epochs[moduleName] ?? 0, releases: [] }, wish, superseded),
      ),
      ...wanted.map((module) => this.#applyModule(module, wish, superseded)),
    ]);
    if (superseded.aborted) return;
    if (!wish.isRestored) await this.#persist(Math.max(state.generation, this.#appliedGeneration));
    this.#appliedGeneration = Math.max(state.generation, this.#appliedGeneration);
    this.#options.onChange();
  }

  /** Modules of the state that may be applied; what stands against the others is kept for reports. */
  #admissible(state: DesiredState): readonly DesiredModule[] {
    const refused: ObservedRelease[] = [];
    const fenced: Record<string, number> = {};
    const admitted = state.modules.filter((module, index) => {
      const applied = this.#epochs[module.moduleName] ?? 0;
      const error =
        module.epoch < applied
          ? agentError('HS_AGENT_STALE_EPOCH', { moduleName: module.moduleName, epoch: module.epoch, applied })
          : index >= this.#options.maxModules && !this.#modules.has(module.moduleName)
            ? agentError('HS_AGENT_TOO_MANY_MODULES', { maxModules: this.#options.maxModules })
            : undefined;
      if (error === undefined) return true;
      const { code, message } = error;
      if (code === 'HS_AGENT_STALE_EPOCH') fenced[module.moduleName] = applied;
      for (const { releaseId } of module.releases) {
        refused.push({ moduleName: module.moduleName, releaseId, state: 'failed', error: { code, message } });
      }
      const { moduleName, epoch } = module;
      this.#options.log.note({ moduleName, releaseId: null, version: null }, 'error', `refused: ${code}: ${message}`);
      this.#emit('agent.module-refused', { moduleName, code, epoch });
      return false;
    });
    this.#refused = refused;
    this.#fenced = fenced;
    return admitted;
  }

  /** Loads what the module lacks, then swaps, unless a newer state came meanwhile. */
  async #applyModule(wanted: DesiredModule, { retry, isRestored }: Wish, superseded: AbortSignal): Promise<void> {
    const module = this.#served(wanted.moduleName);
    module.want(wanted, retry);
    await settledOrAborted(module.settled(), superseded);
    if (superseded.aborted) return;
    if (!isRestored) this.#options.failpoint('agent.swap.before-slots');
    await module.handOver();
    if (superseded.aborted) return;
    module.swap();
    if (!isRestored) this.#options.failpoint('agent.swap.after-slots');
    this.#remember(wanted, module);
    this.#epochs[wanted.moduleName] = Math.max(wanted.epoch, this.#epochs[wanted.moduleName] ?? 0);
    // Also without the rest of the generation, so that a crash brings this module back as it is now; but not twice when
    // the rest is there in the same turn.
    if (!isRestored) this.#unwritten ??= setImmediate(() => void this.#persist(this.#appliedGeneration));
  }

  #remember(wanted: DesiredModule, module: ServedModule): void {
    const { moduleName } = wanted;
    if (wanted.releases.length === 0) {
      this.#inForce.delete(moduleName);
      this.#options.versions.forget(moduleName);
      return;
    }
    this.#inForce.set(moduleName, wanted);
    this.#options.versions.use(moduleName, module.versionsInForce);
  }

  async #persist(generation: number): Promise<void> {
    clearImmediate(this.#unwritten);
    this.#unwritten = undefined;
    const modules = [...this.#inForce].map(([name, desired]): AppliedModule => {
      const kept = this.#modules.get(name)?.kept;
      const versions = this.#options.versions.of(name);
      return kept === undefined ? { desired, versions } : { desired, versions, kept };
    });
    const { nodeId } = this.#options;
    const state: AppliedState = {
      nodeId,
      generation,
      heartbeatIntervalMs: this.#accepted.heartbeatIntervalMs,
      modules,
      epochs: { ...this.#epochs },
    };
    try {
      await this.#options.applied.write(state);
    } catch (error) {
      // A full disk must not stop a rollback: the node goes on, and says that a restart would serve an older state.
      this.#emit('agent.applied-state-not-written', { why: (error as NodeJS.ErrnoException).code ?? 'unknown' });
    }
  }

  #served(moduleName: string): ServedModule {
    let module = this.#modules.get(moduleName);
    if (module === undefined) {
      module = new ServedModule(moduleName, {
        ...this.#options,
        closing: this.#closing,
        onLeak: (name, releaseId, error) =>
          this.#emit('agent.release-not-closed', { moduleName: name, releaseId, why: String(error) }),
        onEmpty: (name) => void this.#modules.delete(name),
      });
      this.#modules.set(moduleName, module);
    }
    return module;
  }

  #refuse(state: DesiredState, why: string): 'refused' {
    this.#emit('agent.desired-refused', { why, generation: state.generation, accepted: this.#accepted.generation });
    return 'refused';
  }

  #emit(topic: string, facts: Json): void {
    this.#options.events.emit({ topic, tenant: 'default', subject: this.#options.nodeId, facts });
  }
}

async function settledOrAborted(settled: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  signal.addEventListener('abort', onAbort);
  await Promise.race([settled, aborted.promise]);
  signal.removeEventListener('abort', onAbort);
}
