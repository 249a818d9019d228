import type { RevisionBoard, Route, RouteSource } from '@hotswap/core';
import { planRoute, type RoutePlan } from './choose-target.ts';
import { RouteFollower } from './route-follower.ts';

/** A name without a route is not asked for again within that time. */
const missKeptMs = 1_000;
const maxMisses = 10_000;

/** @internal */
export interface RouteTableOptions {
  readonly source: RouteSource;
  readonly board: RevisionBoard;
  /** Unique among gateways that live at one time. */
  readonly instanceId: string;
  /** Called after routes have been taken over and acknowledged. */
  readonly onServed?: ((routes: readonly Route[]) => void) | undefined;
  /** Called with failures of background work. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * The routes that this process serves, always whole revisions. Reading never waits; changes are read in the background
 * and acknowledged on the board once calls are chosen by them.
 * @internal
 */
export class RouteTable {
  readonly #follower: RouteFollower;
  readonly #plans = new Map<string, RoutePlan>();
  readonly #misses = new Map<string, number>();

  constructor(options: RouteTableOptions) {
    this.#follower = new RouteFollower({
      ...options,
      take: (routes) => this.#take(routes),
      onMissing: (tenant, moduleName) => this.#miss(keyOf(tenant, moduleName)),
    });
  }

  /** Reads all routes and follows changes. */
  start(): Promise<void> {
    return this.#follower.start();
  }

  /** Stops following and takes the instance off the board. */
  stop(): Promise<void> {
    return this.#follower.stop();
  }

  /** What calls are chosen by now. */
  plan(tenant: string, moduleName: string): RoutePlan | undefined {
    return this.#plans.get(keyOf(tenant, moduleName));
  }

  /** Whether the name had no route a moment ago: asking again would only load the source. */
  isKnownMiss(tenant: string, moduleName: string): boolean {
    return (this.#misses.get(keyOf(tenant, moduleName)) ?? 0) > performance.now();
  }

  /** Reads one route anew; calls that come while one is being read share the reading that begins after them. */
  refresh(tenant: string, moduleName: string): Promise<void> {
    return this.#follower.refresh(tenant, moduleName);
  }

  /** All that calls are chosen by now. */
  plans(): Iterable<RoutePlan> {
    return this.#plans.values();
  }

  /** Addresses of all nodes that any route names. */
  origins(): ReadonlySet<string> {
    const origins = new Set<string>();
    for (const { route } of this.#plans.values()) for (const target of route.targets) origins.add(target.dataPlaneUrl);
    return origins;
  }

  #take(routes: readonly Route[]): readonly Route[] {
    for (const route of routes) {
      const key = keyOf(route.tenant, route.moduleName);
      this.#plans.set(key, planRoute(route));
      this.#misses.delete(key);
    }
    return [];
  }

  #miss(key: string): void {
    if (this.#misses.size >= maxMisses) this.#misses.clear();
    this.#misses.set(key, performance.now() + missKeptMs);
  }
}

const keyOf = (tenant: string, moduleName: string): string => `${tenant}/${moduleName}`;
