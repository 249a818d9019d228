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
  /** Oldest revision that any live instance serves for the module; `null` when no instance is known (nothing to wait for). */
  servedRevision(tenant: string, moduleName: string): Promise<number | null>;
}
