import type { ModuleHttp, Route, RouteTarget } from '@hotswap/core';

/** Targets to choose from in proportion to their weights. @public */
export interface WeightedTargets {
  readonly targets: readonly RouteTarget[];
  /** Running sums of the targets' weights, the last one being the total. */
  readonly sums: Float64Array;
}

/** A route made ready for choosing. @public */
export interface RoutePlan extends WeightedTargets {
  readonly route: Route;
  /** Releases with their summed weights, in the order of their ids. */
  readonly releases: readonly { readonly releaseId: string; readonly weight: number }[];
  /** The targets of each release. */
  readonly ofRelease: ReadonlyMap<string, WeightedTargets>;
  /** How the module is reached by HTTP, of all its releases together. */
  readonly http: ModuleHttp | null;
}

/** What a call asks of the choice. @public */
export interface TargetAsk {
  /** A random number in [0, 1). */
  readonly random: number;
  /** Calls with one key stay on one release; as a release's share grows, keys only move to it. */
  readonly stickyKey?: string | undefined;
  /** A version, module id or release id that it has to be. */
  readonly version?: string | undefined;
  /** A release that is taken as long as any of its targets may be; the others only when none may. */
  readonly preferredReleaseId?: string | undefined;
  /** Targets to pass over, e.g. because their node is down. Default none. */
  readonly isExcluded?: ((target: RouteTarget) => boolean) | undefined;
}

/** Makes a route ready: once for each revision, so that a choice costs next to nothing. @public */
export function planRoute(route: Route): RoutePlan {
  const ofRelease = new Map(
    [...Map.groupBy(route.targets, (target) => target.releaseId)].map(([releaseId, targets]) => [
      releaseId,
      weighted(targets),
    ]),
  );
  const releases = [...ofRelease]
    .map(([releaseId, { sums }]) => ({ releaseId, weight: sums.at(-1) ?? 0 }))
    .sort((a, b) => (a.releaseId < b.releaseId ? -1 : 1));
  return { route, ...weighted(route.targets), releases, ofRelease, http: httpOf(route.targets) };
}

function weighted(targets: readonly RouteTarget[]): WeightedTargets {
  const sums = new Float64Array(targets.length);
  let sum = 0;
  for (const [i, target] of targets.entries()) {
    sum += target.weight;
    sums[i] = sum;
  }
  return { targets, sums };
}

/** What holds for every release: public only where all are, the affinity of the one with the smallest id. */
function httpOf(targets: readonly RouteTarget[]): ModuleHttp | null {
  const serving = targets
    .filter((target): target is RouteTarget & { readonly http: ModuleHttp } => target.http !== null)
    .sort((a, b) => (a.releaseId < b.releaseId ? -1 : 1));
  const [first] = serving;
  if (!first) return null;
  const access = serving.every((target) => target.http.access === 'public') ? 'public' : 'keys';
  return { ...first.http, access };
}

/**
 * Chooses where a call goes: in proportion to the weights, or by its sticky key. Pure.
 * @returns `null` when nothing is left that may be chosen.
 * @public
 */
export function chooseTarget(plan: RoutePlan, ask: TargetAsk): RouteTarget | null {
  if (ask.version === undefined) {
    const preferred = ask.preferredReleaseId === undefined ? null : ofPreferred(plan, ask.preferredReleaseId, ask);
    if (preferred !== null) return preferred;
    const among = ask.stickyKey === undefined ? plan : ofSticky(plan, ask.stickyKey);
    const chosen = byWeight(among, ask.random);
    if (chosen === null || ask.isExcluded?.(chosen) !== true) return chosen;
  }
  return chooseAmong(plan, ask);
}

/** Whether a target is what a caller means by a version, a module id or a release id. @public */
export function isVersion(target: RouteTarget, version: string): boolean {
  return target.version === version || target.moduleId === version || target.releaseId === version;
}

function chooseAmong(plan: RoutePlan, ask: TargetAsk): RouteTarget | null {
  const { version, stickyKey, isExcluded } = ask;
  let left = plan.route.targets.filter(
    (target) => (version === undefined || isVersion(target, version)) && isExcluded?.(target) !== true,
  );
  if (stickyKey !== undefined && left.length > 1) {
    // The choice is made over the whole route: a node that is down must not move the keys of others.
    const present = new Set(left.map((target) => target.releaseId));
    const releaseId = stickyRelease(
      plan.releases.filter((release) => present.has(release.releaseId)),
      stickyKey,
    );
    left = left.filter((target) => target.releaseId === releaseId);
  }
  return left.length < 2 ? (left[0] ?? null) : byWeight(weighted(left), ask.random);
}

function ofPreferred(plan: RoutePlan, releaseId: string, { random, isExcluded }: TargetAsk): RouteTarget | null {
  const all = plan.ofRelease.get(releaseId);
  if (all === undefined) return null;
  const chosen = byWeight(all, random);
  if (chosen === null || isExcluded?.(chosen) !== true) return chosen;
  return byWeight(weighted(all.targets.filter((target) => isExcluded?.(target) !== true)), random);
}

function ofSticky(plan: RoutePlan, stickyKey: string): WeightedTargets {
  if (plan.releases.length < 2) return plan;
  return plan.ofRelease.get(stickyRelease(plan.releases, stickyKey) ?? '') ?? plan;
}

function byWeight({ targets, sums }: WeightedTargets, random: number): RouteTarget | null {
  const last = sums.length - 1;
  if (last < 0) return null;
  const at = random * (sums[last] as number);
  let low = 0;
  let high = last;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sums[middle] as number) > at) high = middle;
    else low = middle + 1;
  }
  return targets[low] ?? null;
}

/**
 * Weighted rendezvous: each release draws a score from the key and its own id; raising one weight can only make that
 * release win more keys.
 */
function stickyRelease(releases: RoutePlan['releases'], stickyKey: string): string | undefined {
  let best: string | undefined;
  let bestScore = Infinity;
  for (const { releaseId, weight } of releases) {
    const score = -Math.log(unitHash(stickyKey, releaseId)) / weight;
    if (score < bestScore) {
      bestScore = score;
      best = releaseId;
    }
  }
  return best;
}

/** A number in (0, 1) that follows from both texts: FNV-1a with the finaliser of MurmurHash3, which spreads short keys. */
function unitHash(key: string, releaseId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ 0x1f, 0x01000193);
  for (let i = 0; i < releaseId.length; i++) hash = Math.imul(hash ^ releaseId.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 4_294_967_296;
}
