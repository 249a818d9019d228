import type { HotSwapError, RevisionBoard, Route, RouteSource } from '@hotswap/core';
import { RouteFollower } from '@hotswap/gateway';
import { planProxy } from './plan-proxy.ts';
import type { ProxyPlan } from './proxy-command.ts';
import { readProxyState } from './proxy-state.ts';
import { RuntimeApi } from './runtime-api.ts';

/** A second plan places what had no place before others had gone; a third one is there for what changes meanwhile. */
const maxPlans = 3;
/** A module that does not fit is told of again after that time. */
const sayAgainMs = 60_000;

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
  /**
   * Called with failures of background work, and with why a module does not fit: at once, and every minute while it does
   * not. Default: they are passed over, since each is tried again.
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Keeps an HAProxy to the live routes of public modules: end users' requests reach nodes by weight, nodes split between
 * versions by their own. No reload, no file is written: all goes through the runtime API, level-triggered, so that an
 * HAProxy that was reloaded or changed by hand is brought back within seconds. Several servers may drive one HAProxy.
 * While HAProxy cannot be reached, shifts of traffic do not end. A module that does not fit, or whose commands are refused,
 * stays as HAProxy has it, its shift does not end, and others go on.
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
  /** What was told to `onError` of modules that are held up, and when. */
  #said: ReadonlyMap<string, { readonly message: string; readonly atMs: number }> = new Map();
  #working: Promise<unknown> = Promise.resolve();

  constructor(options: HaproxyRouterOptions) {
    const { socket, mapFile, ...following } = options;
    this.#api = new RuntimeApi(socket);
    this.#mapFile = mapFile;
    this.#onError = options.onError;
    this.#follower = new RouteFollower({
      ...following,
      take: (routes) => this.#take(routes),
      onTick: async () => void (await this.#reconcile()),
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

  async #take(routes: readonly Route[]): Promise<readonly Route[]> {
    for (const route of routes) this.#routes.set(nameOf(route), route);
    const heldUp = await this.#reconcile();
    return routes.filter((route) => heldUp.has(nameOf(route)));
  }

  /** @returns names of the modules that HAProxy does not serve as their routes say */
  #reconcile(): Promise<ReadonlySet<string>> {
    const run = this.#working.then(() => this.#bringAbout());
    this.#working = run.catch(() => undefined);
    return run;
  }

  async #bringAbout(): Promise<ReadonlySet<string>> {
    const refused = new Map<string, HotSwapError>();
    for (let plans = 1; ; plans++) {
      const servers = await this.#api.ask('show servers state');
      const map = await this.#api.ask(`show map ${this.#mapFile}`);
      const state = readProxyState(servers, map);
      const { plan, misfits, unfinished } = planProxy([...this.#routes.values()], state, this.#mapFile);
      await this.#carryOut(plan, refused);
      const makesRoom = plan.map.length + plan.retire.length > 0;
      if (plans < maxPlans && makesRoom && misfits.size + unfinished.size > 0) continue;
      this.#say(new Map([...misfits, ...refused]));
      return new Set([...misfits.keys(), ...refused.keys(), ...unfinished]);
    }
  }

  /** Once a command for a module is refused nothing more is told for it: what it has stays, others go on. */
  async #carryOut(plan: ProxyPlan, refused: Map<string, HotSwapError>): Promise<void> {
    for (const commands of [plan.prepare, plan.weigh, plan.map, plan.retire]) {
      const open = commands.filter(({ module }) => module === null || !refused.has(module));
      for (const { module, error } of await this.#api.tell(open)) refused.set(module ?? '', error);
    }
  }

  #say(heldUp: ReadonlyMap<string, HotSwapError>): void {
    const now = performance.now();
    const said = new Map<string, { readonly message: string; readonly atMs: number }>();
    for (const [name, error] of heldUp) {
      const before = this.#said.get(name);
      const isNews = before?.message !== error.message || now - before.atMs >= sayAgainMs;
      said.set(name, isNews ? { message: error.message, atMs: now } : before);
      if (isNews) this.#onError?.(error);
    }
    this.#said = said;
  }
}

const nameOf = ({ tenant, moduleName }: Route): string => `${tenant}/${moduleName}`;
