import type { RevisionBoard, Route, RouteSource } from '@hotswap/core';
import { RouteFollower } from '@hotswap/gateway';
import { planProxy } from './plan-proxy.ts';
import { readProxyState } from './proxy-state.ts';
import { RuntimeApi } from './runtime-api.ts';

/** @public */
export interface HaproxyRouterOptions {
  /** Runtime API: a path of a Unix socket, or `host:port`. */
  readonly socket: string;
  /** The map file as the configuration of HAProxy names it. */
  readonly mapFile: string;
  readonly source: RouteSource;
  readonly board: RevisionBoard;
  /** Unique among routers that live at one time. */
  readonly instanceId: string;
  /** Called after routes are served and acknowledged. */
  readonly onServed?: ((routes: readonly Route[]) => void) | undefined;
  /** Called with failures of background work. Default: they are passed over, since each is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Keeps an HAProxy to the live routes of public modules: end users' requests reach nodes by weight, nodes split between
 * versions by their own. No reload, no file is written: all goes through the runtime API, level-triggered, so that an
 * HAProxy that was reloaded or changed by hand is brought back within seconds. Several servers may drive one HAProxy.
 * While HAProxy cannot be reached, shifts of traffic do not end.
 * @public
 */
export class HaproxyRouter {
  readonly name: string = 'haproxy';
  /** Copying requests would take an agent beside HAProxy that it talks to (SPOE); its own rules cannot. */
  readonly canMirror: boolean = false;
  readonly #api: RuntimeApi;
  readonly #follower: RouteFollower;
  readonly #mapFile: string;
  readonly #onError: HaproxyRouterOptions['onError'];
  readonly #routes = new Map<string, Route>();
  #working: Promise<void> = Promise.resolve();

  constructor(options: HaproxyRouterOptions) {
    const { socket, mapFile, ...following } = options;
    this.#api = new RuntimeApi(socket);
    this.#mapFile = mapFile;
    this.#onError = options.onError;
    this.#follower = new RouteFollower({
      ...following,
      take: (routes) => this.#take(routes),
      onTick: () => this.#reconcile(),
    });
  }

  /** Brings HAProxy to the routes as they are and follows them from then on; while that fails it is tried again. */
  async start(): Promise<void> {
    try {
      await this.#follower.start();
    } catch (error) {
      this.#onError?.(error);
    }
  }

  /** Stops following; HAProxy goes on with what it was told last. */
  async stop(): Promise<void> {
    await this.#follower.stop();
    await this.#working;
  }

  async #take(routes: readonly Route[]): Promise<void> {
    for (const route of routes) this.#routes.set(`${route.tenant}/${route.moduleName}`, route);
    await this.#reconcile();
  }

  #reconcile(): Promise<void> {
    const run = this.#working.then(() => this.#bringAbout());
    this.#working = run.catch(() => undefined);
    return run;
  }

  async #bringAbout(): Promise<void> {
    const servers = await this.#api.ask('show servers state');
    const map = await this.#api.ask(`show map ${this.#mapFile}`);
    const plan = planProxy([...this.#routes.values()], readProxyState(servers, map), this.#mapFile);
    await this.#api.tell(plan.prepare);
    await this.#api.tell(plan.weigh);
    await this.#api.tell(plan.map);
    await this.#api.tell(plan.retire);
  }
}
