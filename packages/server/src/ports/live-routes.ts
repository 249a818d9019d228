import type { RevisionBoard, Route, RouteTarget } from '@hotswap/core';
import type { Page, PageQuery } from './page.ts';

/** A route as it is stored. @internal */
export interface LiveRoute extends Route {
  readonly epoch: number;
  readonly targets: readonly (RouteTarget & { readonly region: string })[];
}

/** Live routes, and which revision of each gateways serve. @internal */
export interface LiveRoutes extends RevisionBoard {
  find(tenant: string, moduleName: string): Promise<LiveRoute | null>;
  all(): Promise<readonly LiveRoute[]>;
  list(tenant: string, query: PageQuery): Promise<Page<LiveRoute>>;
  /**
   * Shares in percent by release, if the route is as it was `seen`. `false`: there is no such route.
   * @throws HS_STORE_STALE, HS_DEPLOYMENT_ACTIVE, HS_ROUTE_RELEASE_NOT_READY
   */
  setWeights(
    tenant: string,
    moduleName: string,
    weights: Readonly<Record<string, number>>,
    seen?: Pick<LiveRoute, 'revision' | 'epoch'>,
  ): Promise<boolean>;
  /** Takes the module off every node. `false`: there is no such route. @throws HS_STORE_STALE, HS_DEPLOYMENT_ACTIVE */
  retire(tenant: string, moduleName: string, seen?: Pick<LiveRoute, 'revision' | 'epoch'>): Promise<boolean>;
}
