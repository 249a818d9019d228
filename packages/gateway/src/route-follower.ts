import type { RevisionBoard, Route, RouteHint, RouteSource } from '@hotswap/core';

/** Between signs of life to the board; well below the time after which it counts an instance as gone. */
const signOfLifeMs = 2_500;

/** @public */
export interface RouteFollowerOptions {
  readonly source: RouteSource;
  readonly board: RevisionBoard;
  /** Unique among routers that live at one time. */
  readonly instanceId: string;
  /**
   * Puts whole revisions to use; they are acknowledged once it has returned, but for those that it returns: these it could
   * not put to use, and they are given anew after a moment. It is never called while a call runs. What it throws goes to
   * `onError`, none is acknowledged, and all routes are read and given anew.
   */
  readonly take: (routes: readonly Route[]) => readonly Route[] | Promise<readonly Route[]>;
  /** Called for a name that a refresh found no route of. */
  readonly onMissing?: ((tenant: string, moduleName: string) => void) | undefined;
  /** Called after routes have been taken over and acknowledged. */
  readonly onServed?: ((routes: readonly Route[]) => void) | undefined;
  /** Called with failures of background work. Default: they are passed over, since each is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Called at each sign of life, e.g. to look whether a proxy still does as it was told. */
  readonly onTick?: (() => Promise<void>) | undefined;
}

/**
 * Follows routes on behalf of a router and says on the board which revisions it serves: what a gateway and the adapter of
 * a proxy have in common. While it lives, a shift of traffic waits for it, also when its proxy cannot be reached: a
 * rollout must not go on past a router that still sends requests by an older route.
 * @public
 */
export class RouteFollower {
  readonly #options: RouteFollowerOptions;
  readonly #revisions = new Map<string, number>();
  readonly #reading = new Map<string, Promise<void>>();
  #taking: Promise<void> = Promise.resolve();
  #working: Promise<void> = Promise.resolve();
  #unsubscribe: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the source could not be read when it had to be. */
  #isBehind = false;
  /** Routes that could not be put to use. */
  readonly #left = new Set<string>();

  constructor(options: RouteFollowerOptions) {
    this.#options = options;
  }

  /**
   * Reads all routes and follows changes, also after it has thrown, until it is stopped.
   * @throws what reading them, or taking them over for the first time, throws
   */
  async start(): Promise<void> {
    this.#unsubscribe = this.#options.source.subscribe((hint) => void this.#follow(hint));
    this.#timer = setInterval(() => void this.#inBackground(() => this.#tick()), signOfLifeMs);
    this.#timer.unref();
    await this.#readAll();
  }

  /** Stops following and takes the instance off the board. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    clearInterval(this.#timer);
    await this.#working;
    await Promise.allSettled(this.#reading.values());
    await this.#options.board.leave(this.#options.instanceId);
  }

  /** Reads one route anew; calls that come while one is being read share the reading that begins after them. */
  refresh(tenant: string, moduleName: string): Promise<void> {
    const key = keyOf({ tenant, moduleName });
    const running = this.#reading.get(key);
    if (running) return running;
    // The delay lets hints of one commit, and calls that miss together, share one reading.
    const reading = Promise.resolve().then(async () => {
      this.#reading.delete(key);
      const route = await this.#options.source.find(tenant, moduleName).catch((error: unknown) => {
        this.#isBehind = true;
        throw error;
      });
      if (route) await this.#take([route]);
      else this.#options.onMissing?.(tenant, moduleName);
    });
    this.#reading.set(key, reading);
    return reading;
  }

  async #follow(hint: RouteHint): Promise<void> {
    await this.#inBackground(() => (hint === 'all' ? this.#readAll() : this.refresh(hint.tenant, hint.moduleName)));
  }

  async #tick(): Promise<void> {
    if (this.#isBehind || this.#left.size > 0) await this.#readAll();
    else await this.#acknowledge([]);
    await this.#options.onTick?.();
  }

  async #readAll(): Promise<void> {
    this.#isBehind = true;
    const routes = await this.#options.source.all();
    this.#isBehind = false;
    await this.#take(routes);
  }

  /** One after the other; older answers that arrive late change nothing. */
  #take(routes: readonly Route[]): Promise<void> {
    const taking = this.#taking.then(async () => {
      const newer = routes.filter((route) => (this.#revisions.get(keyOf(route)) ?? -1) < route.revision);
      for (const route of newer) this.#left.add(keyOf(route));
      let refused: readonly Route[] = [];
      try {
        if (newer.length > 0) refused = await this.#options.take(newer);
      } catch (error) {
        // Alive all the same: whoever waits for these revisions has to go on waiting.
        await this.#options.board.acknowledge(this.#options.instanceId, []);
        throw error;
      }
      const taken = newer.filter((route) => !refused.includes(route));
      for (const route of taken) {
        this.#left.delete(keyOf(route));
        this.#revisions.set(keyOf(route), route.revision);
      }
      await this.#acknowledge(taken);
    });
    this.#taking = taking.catch(() => undefined);
    return taking;
  }

  async #acknowledge(routes: readonly Route[]): Promise<void> {
    const { board, instanceId, onServed } = this.#options;
    await board.acknowledge(
      instanceId,
      routes.map(({ tenant, moduleName, revision }) => ({ tenant, moduleName, revision })),
    );
    if (routes.length > 0) onServed?.(routes);
  }

  #inBackground(work: () => Promise<void>): Promise<void> {
    const running = work().catch((error: unknown) => this.#options.onError?.(error));
    this.#working = Promise.all([this.#working, running]).then(() => undefined);
    return running;
  }
}

const keyOf = ({ tenant, moduleName }: Pick<Route, 'tenant' | 'moduleName'>): string => `${tenant}/${moduleName}`;
