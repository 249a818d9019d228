import { isHotSwapError, type DesiredRelease, type LoadedModule, type ObservedRelease } from '@hotswap/core';
import { shownText } from '@hotswap/protocol';
import type { CallMetrics, ReleaseCallRecorder } from '../metrics/call-metrics.ts';
import { agentError } from '../error-codes.ts';
import { FunctionLookup } from '../calls/function-lookup.ts';
import { HealthProbe } from '../calls/health-probe.ts';
import type { ModuleCache } from './module-cache.ts';
import type { LogSubject, ModuleLog } from '../log/node-log.ts';
import { mayPass, type ReleaseLoader } from './release-loader.ts';

/** What reports may carry. */
const maxMessageLength = 1_000;

/** A release that can be called. @internal */
export interface ReadyRelease {
  readonly module: LoadedModule;
  readonly functions: FunctionLookup;
  readonly calls: ReleaseCallRecorder;
}

type State =
  | { readonly kind: 'loading' }
  | ({ readonly kind: 'ready' } & ReadyRelease)
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly mayPass: boolean };

/** What live releases share. @internal */
export interface LiveReleaseServices {
  readonly loader: ReleaseLoader;
  readonly cache: ModuleCache;
  readonly metrics: CallMetrics;
  readonly log: ModuleLog;
  /** Called when something worth reporting has changed. */
  readonly onChange: () => void;
}

/**
 * One release on this node, from the wish to have it until it is closed.
 * @internal
 */
export class LiveRelease {
  readonly moduleName: string;
  readonly releaseId: string;
  /** As last wished for; weight and probe may change, the rest is fixed by the id. */
  desired: DesiredRelease;
  /** Runs while a release that is not wished for any more is still served to pinned requests. */
  retirement: NodeJS.Timeout | undefined;
  /** Resolves when loading has ended, either way. */
  readonly settled: Promise<void>;
  readonly #services: LiveReleaseServices;
  readonly #cancelled = new AbortController();
  #state: State = { kind: 'loading' };
  #hasServed = false;
  /** Of a release that was ready and failed after that. */
  #remains: ReadyRelease | undefined;
  #probe: HealthProbe | undefined;

  constructor(moduleName: string, desired: DesiredRelease, services: LiveReleaseServices) {
    this.moduleName = moduleName;
    this.releaseId = desired.releaseId;
    this.desired = desired;
    this.#services = services;
    services.cache.pin(desired.digest);
    this.settled = this.#load();
  }

  /** What lines of the node's log about it say that they are about. */
  get subject(): LogSubject {
    const { moduleName, releaseId } = this;
    return { moduleName, releaseId, version: this.desired.version };
  }

  get ready(): ReadyRelease | undefined {
    return this.#state.kind === 'ready' ? this.#state : undefined;
  }

  /** Ready, and keeps state between requests that the next version may take over. */
  get isStateful(): boolean {
    return this.desired.runtime.stateful && this.ready?.module.handOver !== undefined;
  }

  get isFailed(): boolean {
    return this.#state.kind === 'failed';
  }

  /** Failed in a way that may pass without anyone changing anything. */
  get mayRecover(): boolean {
    return this.#state.kind === 'failed' && this.#state.mayPass;
  }

  observe(): ObservedRelease {
    const { moduleName, releaseId } = this;
    if (this.#state.kind === 'failed') {
      const { code, message } = this.#state;
      return { moduleName, releaseId, state: 'failed', error: { code, message } };
    }
    return {
      moduleName,
      releaseId,
      state: this.#state.kind,
      ...(this.#probe === undefined ? {} : { health: this.#probe.health }),
    };
  }

  /** It takes traffic from now on, and so has state of its own. */
  markServing(): void {
    this.#hasServed = true;
  }

  /**
   * Hands its state over; says whether the target has it now. A refusal is the target's failure, unless that has state of
   * its own. Never throws.
   */
  async handOver(target: LiveRelease): Promise<boolean> {
    const to = target.ready?.module;
    if (to === undefined) return false;
    try {
      await this.ready?.module.handOver?.(to);
      return true;
    } catch (error) {
      if (!target.#hasServed) target.#refuse(error);
      return false;
    }
  }

  #refuse(error: unknown): void {
    this.#remains = this.ready;
    this.#fail(error);
  }

  #fail(error: unknown): void {
    const known = isHotSwapError(error)
      ? error
      : agentError('HS_AGENT_LOAD_FAILED', { why: 'an unexpected error, see the log of the node' }, error);
    this.#state = {
      kind: 'failed',
      code: known.code,
      message: shownText(known.message).slice(0, maxMessageLength),
      mayPass: mayPass(known),
    };
    if (!this.#cancelled.signal.aborted)
      this.#services.log.note(this.subject, 'error', `cannot serve: ${known.code}: ${known.message}`);
  }

  /** Starts, keeps or stops checking, as desired state says. A round that goes on keeps its counts. */
  followProbe(): void {
    const wanted = this.retirement === undefined ? this.desired.probe : undefined;
    if (wanted?.round === this.#probe?.round) return;
    this.#probe?.stop();
    this.#probe = undefined;
    if (wanted === undefined || this.#state.kind !== 'ready') return;
    const { log, onChange } = this.#services;
    const probe = new HealthProbe(
      wanted,
      this.#state.module,
      () => {
        this.#noteHealth(probe);
        onChange();
      },
      (output) => log.output(this.subject, output),
    );
    this.#probe = probe;
    this.#probe.start();
  }

  #noteHealth({ check, health: { state, message } }: HealthProbe): void {
    if (!check.enabled) return;
    const why = message === undefined ? '' : `: ${message}`;
    this.#services.log.note(this.subject, state === 'unhealthy' ? 'error' : 'info', `is ${state}${why}`);
  }

  /** Ends a load that nobody wants any more, or lets go of what was loaded; requests must have drained. */
  async close(): Promise<void> {
    clearTimeout(this.retirement);
    this.#cancelled.abort();
    this.#probe?.stop();
    this.#probe = undefined;
    await this.settled;
    this.#services.cache.unpin(this.desired.digest);
    const loaded = this.ready ?? this.#remains;
    if (loaded === undefined) return;
    this.#services.metrics.remove(loaded.calls);
    await loaded.module[Symbol.asyncDispose]();
    this.#services.log.note(this.subject, 'info', 'let go of: its last request has ended');
  }

  async #load(): Promise<void> {
    try {
      const module = await this.#services.loader.load(this.desired, this.#cancelled.signal);
      const calls = this.#services.metrics.recorder(this.moduleName, this.releaseId, () => module.stats());
      this.#state = { kind: 'ready', module, calls, functions: new FunctionLookup(module.description) };
      this.#services.log.note(this.subject, 'info', 'loaded');
    } catch (error) {
      this.#fail(error);
    }
    if (!this.#cancelled.signal.aborted) this.#services.onChange();
  }
}
