import { planRoute, type RoutePlan } from './choose-target.ts';
import type { RevisionBoard, Route, RouteHint, RouteSource } from './route-source.ts';

/** Between signs of life to the board; well below the time after which it counts an instance as gone. */
const signOfLifeMs = 2_500;
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
  readonly #options: RouteTableOptions;
  readonly #plans = new Map<string, RoutePlan>();
  readonly #misses = new Map<string, number>();
  readonly #reading = new Map<string, Promise<void>>();
  #unsubscribe: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<void> = Promise.resolve();

  constructor(options: RouteTableOptions) {
    this.#options = options;
  }

  /** Reads all routes and follows changes. */
  async start(): Promise<void> {
    this.#unsubscribe = this.#options.source.subscribe((hint) => void this.#follow(hint));
    await this.#readAll();
    this.#timer = setInterval(() => void this.#inBackground(() => this.#acknowledge([])), signOfLifeMs);
    this.#timer.unref();
  }

  /** Stops following and takes the instance off the board. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    clearInterval(this.#timer);
    await this.#working;
    await Promise.all(this.#reading.values());
    await this.#options.board.leave(this.#options.instanceId);
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
    const key = keyOf(tenant, moduleName);
    const running = this.#reading.get(key);
    if (running) return running;
    // The delay lets hints of one commit, and calls that miss together, share one reading.
    const reading = Promise.resolve().then(async () => {
      this.#reading.delete(key);
      const route = await this.#options.source.find(tenant, moduleName);
      if (route) await this.#take([route]);
      else this.#miss(key);
    });
    this.#reading.set(key, reading);
    return reading;
  }

  /** Addresses of all nodes that any route names. */
  origins(): ReadonlySet<string> {
    const origins = new Set<string>();
    for (const { route } of this.#plans.values()) for (const target of route.targets) origins.add(target.dataPlaneUrl);
    return origins;
  }

  async #follow(hint: RouteHint): Promise<void> {
    await this.#inBackground(() => (hint === 'all' ? this.#readAll() : this.refresh(hint.tenant, hint.moduleName)));
  }

  async #readAll(): Promise<void> {
    await this.#take(await this.#options.source.all());
  }

  /** Older answers that arrive late change nothing. */
  async #take(routes: readonly Route[]): Promise<void> {
    const newer = routes.filter(
      (route) => (this.plan(route.tenant, route.moduleName)?.route.revision ?? -1) < route.revision,
    );
    for (const route of newer) {
      const key = keyOf(route.tenant, route.moduleName);
      this.#plans.set(key, planRoute(route));
      this.#misses.delete(key);
    }
    await this.#acknowledge(newer);
  }

  async #acknowledge(routes: readonly Route[]): Promise<void> {
    const { board, instanceId, onServed } = this.#options;
    await board.acknowledge(
      instanceId,
      routes.map(({ tenant, moduleName, revision }) => ({ tenant, moduleName, revision })),
    );
    if (routes.length > 0) onServed?.(routes);
  }

  #miss(key: string): void {
    if (this.#misses.size >= maxMisses) this.#misses.clear();
    this.#misses.set(key, performance.now() + missKeptMs);
  }

  #inBackground(work: () => Promise<void>): Promise<void> {
    const running = work().catch((error: unknown) => this.#options.onError?.(error));
    this.#working = Promise.all([this.#working, running]).then(() => undefined);
    return running;
  }
}

const keyOf = (tenant: string, moduleName: string): string => `${tenant}/${moduleName}`;
