import type { DesiredModule, DesiredRelease, ObservedRelease, SlotTable } from '@hotswap/core';
import type { HttpModule } from '../fronts/http-routes.ts';
import type { VersionsInForce } from './kept-versions.ts';
import { LiveRelease, type LiveReleaseServices } from './live-release.ts';
import { chooseRelease } from './release-choice.ts';

/** @internal */
export interface ServedModuleServices extends LiveReleaseServices {
  readonly slots: SlotTable;
  /** How long a release that is not wished for any more still answers pinned requests. */
  readonly drainGraceMs: number;
  /** How long requests that are in it then may take before they are cut. */
  readonly drainDeadlineMs: number;
  /** Drains and closings under way on the node. */
  readonly closing: Set<Promise<void>>;
  /** A release could not be let go of: its memory is lost, nothing else. */
  readonly onLeak: (moduleName: string, releaseId: string, error: unknown) => void;
  /** Called after the slot of the module has changed. */
  readonly onServed: () => void;
  /** Called when nothing of the module is left. */
  readonly onEmpty: (moduleName: string) => void;
}

/**
 * One module name on this node: its releases, and what its slot serves. `want` starts what is missing; once it has
 * settled, `swap` changes the slot in one step and lets go of the rest.
 * @internal
 */
export class ServedModule {
  readonly name: string;
  readonly #services: ServedModuleServices;
  readonly #releases = new Map<string, LiveRelease>();
  /** Weights in force, by release; what is not in it is served to pinned requests only. */
  #weights: ReadonlyMap<string, number> = new Map();
  #wanted: DesiredModule;
  #kept: readonly DesiredRelease[] | undefined;
  /** Release that took over the state last. */
  #stateAt: string | undefined;

  constructor(name: string, services: ServedModuleServices) {
    this.name = name;
    this.#services = services;
    this.#wanted = { moduleName: name, epoch: 0, releases: [] };
  }

  /** What really takes traffic when nothing that should could be loaded; `undefined` when all is as desired. */
  get kept(): readonly DesiredRelease[] | undefined {
    return this.#kept;
  }

  /** Weights in force. */
  get weights(): ReadonlyMap<string, number> {
    return this.#weights;
  }

  /** Bytes that are wished for or take traffic. */
  get versionsInForce(): VersionsInForce {
    const digestsOf = (releases: readonly DesiredRelease[]): readonly string[] => releases.map(({ digest }) => digest);
    return {
      held: digestsOf([...this.#wanted.releases, ...(this.#kept ?? [])]),
      serving: [...this.#weights.keys()].flatMap((id) => this.release(id)?.desired.digest ?? []),
    };
  }

  /** A release that the slot holds, so that requests may be pinned to it. */
  release(releaseId: string): LiveRelease | undefined {
    const live = this.#releases.get(releaseId);
    return live?.ready === undefined ? undefined : live;
  }

  /** The release for a request that is not pinned; equal keys get equal releases. */
  choose(stickyKey: string | undefined): LiveRelease | undefined {
    const releaseId = chooseRelease(this.#weights, stickyKey);
    return releaseId === undefined ? undefined : this.release(releaseId);
  }

  /**
   * How the module is reached by HTTP now: as its heaviest release says that serves HTTP at all. `undefined`: it is not.
   */
  get http(): HttpModule | undefined {
    const serving = [...this.#releases.values()].filter(
      ({ ready, desired }) =>
        desired.http !== null && ready !== undefined && ready.module.description.servesHttp !== null,
    );
    const [heaviest] = serving.toSorted((a, b) => this.#weightOf(b) - this.#weightOf(a));
    if (heaviest === undefined || heaviest.desired.http === null) return undefined;
    const { http, resourceLimits } = heaviest.desired;
    const { maxInputSize } = resourceLimits;
    return { moduleName: this.name, http, maxInputSize, takesTraffic: this.#weightOf(heaviest) > 0 };
  }

  /** Whether some wished release failed in a way that may pass. */
  get mayRecover(): boolean {
    return this.#wanted.releases.some(({ releaseId }) => this.#releases.get(releaseId)?.mayRecover === true);
  }

  /**
   * Takes a new wish: starts loading what is missing, tries again what has failed, cancels loads that nobody wants any
   * more. What is served does not change yet.
   */
  want(wanted: DesiredModule, retryFailed: 'all' | 'recoverable'): void {
    this.#wanted = wanted;
    const ids = new Set(wanted.releases.map(({ releaseId }) => releaseId));
    for (const [id, live] of this.#releases) if (live.ready === undefined && !ids.has(id)) this.#drop(live);
    for (const desired of wanted.releases) {
      const live = this.#releases.get(desired.releaseId);
      const again = live !== undefined && (retryFailed === 'all' ? live.isFailed : live.mayRecover);
      if (live !== undefined && !again) {
        live.desired = desired;
        clearTimeout(live.retirement);
        live.retirement = undefined;
        continue;
      }
      if (live !== undefined) this.#drop(live);
      this.#releases.set(desired.releaseId, new LiveRelease(this.name, desired, this.#services));
    }
  }

  /** Resolves when every wished release is ready or failed. */
  async settled(): Promise<void> {
    await Promise.all(
      this.#wanted.releases.map(({ releaseId }) => this.#releases.get(releaseId)?.settled ?? Promise.resolve()),
    );
  }

  /**
   * Moves what stateful modules have in memory to the releases that are about to take traffic. A new release that
   * refuses it counts as failed, so that the old one goes on serving; one that has served before comes back with what it
   * had, because going back must not depend on the release that is left.
   */
  async handOver(): Promise<void> {
    const source = this.#holderOfState();
    if (source === undefined) return;
    const takers = this.#wanted.releases
      .toSorted((a, b) => b.weight - a.weight)
      .flatMap(({ releaseId, weight }) => (weight > 0 ? [this.#releases.get(releaseId)] : []))
      .filter((live) => live?.isStateful === true);
    const stays = takers.includes(source);
    // Nobody new and the holder stays: nothing moves. A release that gives up a share of the traffic it tried gives the state back.
    const heir = takers.find((live) => live !== undefined && live !== source && this.#weightOf(live) === 0);
    const target = heir ?? (stays ? undefined : takers[0]);
    if (target === undefined) return;
    const moved = await source.handOver(target);
    if (moved || (!stays && target.ready !== undefined)) this.#stateAt = target.releaseId;
  }

  /** The release that has the state: the last one that took it over, else the one with the most traffic. */
  #holderOfState(): LiveRelease | undefined {
    const last = this.#releases.get(this.#stateAt ?? '');
    if (last?.isStateful === true) return last;
    return [...this.#releases.values()]
      .filter((live) => live.isStateful && this.#weightOf(live) > 0)
      .toSorted((a, b) => this.#weightOf(b) - this.#weightOf(a))[0];
  }

  /**
   * Puts the wish in force, atomically for requests. When no release that should take traffic could be loaded, what
   * takes traffic now goes on: a bad state must not turn a working module off.
   */
  swap(): void {
    const weighted = this.#wanted.releases.filter(({ weight }) => weight > 0);
    const able = weighted.filter(({ releaseId }) => this.release(releaseId) !== undefined);
    const serving = [...this.#weights.keys()].filter((id) => this.release(id) !== undefined);
    if (weighted.length > 0 && able.length === 0 && serving.length > 0)
      this.#kept = serving.map((id) => this.#asKept(id));
    else {
      this.#kept = undefined;
      this.#take(new Map(able.map(({ releaseId, weight }) => [releaseId, weight])));
    }
    for (const id of this.#weights.keys()) this.release(id)?.markServing();
    this.#publish();
    this.#retireUnwanted();
    for (const live of this.#releases.values()) live.followProbe();
  }

  /** State of each wished release. */
  observe(): readonly ObservedRelease[] {
    return this.#wanted.releases.flatMap(({ releaseId }) => this.#releases.get(releaseId)?.observe() ?? []);
  }

  /** Cuts everything; for a node that stops, after its requests have ended. */
  async close(): Promise<void> {
    const all = [...this.#releases.values()];
    this.#services.metrics.countHttp();
    this.#releases.clear();
    this.#services.slots.remove(this.name);
    await Promise.all(all.map((live) => live.close()));
  }

  #take(weights: ReadonlyMap<string, number>): void {
    const isSame = weights.size === this.#weights.size && [...weights].every(([id, w]) => this.#weights.get(id) === w);
    this.#weights = weights;
    if (!isSame)
      this.#services.log.note({ moduleName: this.name, releaseId: null, version: null }, 'info', this.#shares);
  }

  /** Who gets how much of what comes to this node, in words. */
  get #shares(): string {
    const total = [...this.#weights.values()].reduce((sum, weight) => sum + weight, 0);
    const shares = [...this.#weights].map(([id, weight]) => {
      const version = this.release(id)?.desired.version ?? '';
      return `${version} (${id}) ${Math.round((weight / total) * 100)} %`;
    });
    return shares.length === 0 ? 'takes no requests any more' : `swapped: requests now go to ${shares.join(', ')}`;
  }

  #asKept(id: string): DesiredRelease {
    const live = this.#releases.get(id) as LiveRelease;
    const { probe: _probe, ...desired } = live.desired;
    return { ...desired, weight: this.#weights.get(id) ?? 0 };
  }

  #publish(): void {
    const versions = new Map<string, { module: NonNullable<LiveRelease['ready']>['module']; weight: number }>();
    for (const [id, live] of this.#releases) {
      if (live.ready !== undefined) versions.set(id, { module: live.ready.module, weight: this.#weights.get(id) ?? 0 });
    }
    if (versions.size > 0) this.#services.slots.set(this.name, { versions });
    else this.#services.slots.remove(this.name);
    this.#services.onServed();
  }

  #weightOf({ releaseId }: LiveRelease): number {
    return this.#weights.get(releaseId) ?? 0;
  }

  #retireUnwanted(): void {
    const stays = new Set([
      ...this.#wanted.releases.map(({ releaseId }) => releaseId),
      ...(this.#kept ?? []).map(({ releaseId }) => releaseId),
    ]);
    for (const live of this.#releases.values()) {
      if (stays.has(live.releaseId) || live.retirement !== undefined) continue;
      live.retirement = setTimeout(() => this.#retire(live), this.#services.drainGraceMs);
    }
    if (this.#releases.size === 0) this.#services.onEmpty(this.name);
  }

  #retire(live: LiveRelease): void {
    this.#services.metrics.countHttp();
    this.#releases.delete(live.releaseId);
    this.#publish();
    this.#drop(live);
    if (this.#releases.size === 0) this.#services.onEmpty(this.name);
  }

  /** Lets go of a release that the slot does not hold: waits for its requests, then closes it. */
  #drop(live: LiveRelease): void {
    if (this.#releases.get(live.releaseId) === live) this.#releases.delete(live.releaseId);
    const { closing } = this.#services;
    const ended = this.#drainAndClose(live).then(
      () => void closing.delete(ended),
      (error: unknown) => {
        closing.delete(ended);
        this.#services.onLeak(this.name, live.releaseId, error);
      },
    );
    closing.add(ended);
  }

  async #drainAndClose(live: LiveRelease): Promise<void> {
    try {
      if (live.ready !== undefined) await this.#services.slots.drain(live.ready.module, this.#services.drainDeadlineMs);
    } finally {
      await live.close();
    }
  }
}
