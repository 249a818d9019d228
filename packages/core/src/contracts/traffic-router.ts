import type { ModuleHttp } from '../model/module.ts';
import type { TrafficMatch } from '../model/traffic-match.ts';
import type { MirrorCompare, MirrorTally } from '../model/traffic-mirror.ts';

/**
 * Whatever stands between end users and nodes: the built-in gateway, or a proxy that users already run.
 * @public
 */
export interface TrafficRouter {
  readonly name: string;
  /**
   * `true`: it chooses a node for each request by the route's weights. `false`: requests reach nodes evenly and nodes
   * split locally.
   */
  readonly spansNodes: boolean;
  /** Whether it copies requests to mirrors and reports what came of it. Absent: it does not. */
  readonly canMirror?: boolean;
  /** Oldest revision that any live instance serves for the module; `null` when no instance is known (nothing to wait for). */
  servedRevision(tenant: string, moduleName: string): Promise<number | null>;
}

/** A node and a release that requests may go to. @public */
export interface RouteTarget {
  readonly nodeId: string;
  /** Base URL of the node's invoke port, which takes signed requests of servers only. */
  readonly dataPlaneUrl: string;
  /** Base URL under which anyone reaches the node's public modules; `null`: it has no public port. */
  readonly publicUrl: string | null;
  readonly releaseId: string;
  readonly moduleId: string;
  readonly version: string;
  /** How the release is reached by HTTP; `null`: it is not. */
  readonly http: ModuleHttp | null;
  /** Share among all targets of the route; above 0. */
  readonly weight: number;
}

/** Where requests of a module go. @public */
export interface Route {
  readonly tenant: string;
  readonly moduleName: string;
  /** Only grows. */
  readonly revision: number;
  /** Empty when nothing serves the module. */
  readonly targets: readonly RouteTarget[];
  /** Requests that get a release beside its share, of rollouts that are under way; the first that fits holds. */
  readonly matches: readonly RouteMatch[];
  /** Releases that get copies of requests. Absent: none. */
  readonly mirrors?: readonly RouteMirror[];
}

/** A release that gets copies of requests, whose answers are compared and dropped. @public */
export interface RouteMirror {
  readonly tenant: string;
  readonly deploymentId: string;
  /** Step of the deployment that asked for it, under which is counted. */
  readonly step: number;
  readonly percent: number;
  readonly compare: MirrorCompare;
  /** Nodes that have the release, all with weight 0. */
  readonly targets: readonly RouteTarget[];
}

/** What one instance of a router has counted of a mirror since it first served it. @public */
export interface MirrorReport extends MirrorTally {
  readonly tenant: string;
  readonly deploymentId: string;
  readonly step: number;
}

/** Where routers say what came of the copies. @public */
export interface MirrorBoard {
  /** Puts the instance's totals down; those of mirrors that have ended are passed over. Repeating it changes nothing. */
  reportMirrors(instanceId: string, reports: readonly MirrorReport[]): Promise<void>;
}

/** Brings the requests that it describes to a release, as long as that is among the targets. @public */
export interface RouteMatch {
  readonly releaseId: string;
  readonly when: TrafficMatch;
}

/** What a router may be told: one route has changed, or any may have. @public */
export type RouteHint = { readonly tenant: string; readonly moduleName: string } | 'all';

/** Where routers learn of routes. @public */
export interface RouteSource {
  all(): Promise<readonly Route[]>;
  /** `null` when the module was never routed. */
  find(tenant: string, moduleName: string): Promise<Route | null>;
  /** Calls the handler after changes until the returned function is called. Hints may come late or twice. */
  subscribe(handler: (hint: RouteHint) => void): () => void;
}

/** Where routers say which revision of a route they serve. @public */
export interface RevisionBoard {
  /** Says that an instance lives and serves these revisions. */
  acknowledge(
    instanceId: string,
    served: readonly { readonly tenant: string; readonly moduleName: string; readonly revision: number }[],
  ): Promise<void>;
  /** The instance stops: nobody waits for it any more. */
  leave(instanceId: string): Promise<void>;
  /** Oldest revision that any live instance serves; `null` without one. */
  servedRevision(tenant: string, moduleName: string): Promise<number | null>;
}
