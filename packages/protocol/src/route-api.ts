import { z } from 'zod';
import { listQueryShape, type ListQuery } from './list-api.ts';

/** The live route of a module on the wire. @public */
export interface RouteView {
  readonly moduleName: string;
  /** Only grows; a router reports the one that it serves. */
  readonly revision: number;
  readonly epoch: number;
  /** Share of requests by release, among the targets that get any. */
  readonly releases: readonly {
    readonly releaseId: string;
    readonly moduleId: string;
    readonly version: string;
    readonly percent: number;
  }[];
  /**
   * Pairs of node and release with weight above 0, ordered by node, then release. Nodes that count as unhealthy are left
   * out while there are others.
   */
  readonly targets: readonly RouteTargetView[];
}

/** @public */
export interface RouteTargetView {
  readonly nodeId: string;
  readonly region: string;
  readonly releaseId: string;
  readonly moduleId: string;
  readonly weight: number;
  /**
   * `false`: the server that was asked could not reach the node when it last tried, and sends its share to the others
   * until the node answers again. Absent: it gets its share.
   */
  readonly isReachable?: boolean;
}

/** Body of a change by hand. @public */
export interface SetRouteRequest {
  /** Percent of all requests by release id, 100 in all; releases that are not named get nothing. */
  readonly weights: Readonly<Record<string, number>>;
}

/** @see {@link SetRouteRequest} @public */
export const setRouteSchema: z.ZodType<SetRouteRequest, unknown> = z
  .strictObject({
    weights: z
      .record(z.string().min(1).max(200), z.number().min(0).max(100))
      .refine((weights) => Math.abs(Object.values(weights).reduce((sum, percent) => sum + percent, 0) - 100) < 1e-6, {
        error: 'must add up to 100',
      }),
  })
  .meta({ id: 'SetRoute' });

/** @public */
export interface RouteList {
  readonly routes: readonly RouteView[];
  readonly nextCursor: string | null;
}

/** @see {@link RouteView} @public */
export const routeViewSchema: z.ZodType<RouteView> = z
  .object({
    moduleName: z.string(),
    revision: z.int(),
    epoch: z.int(),
    releases: z.array(
      z.object({ releaseId: z.string(), moduleId: z.string(), version: z.string(), percent: z.number() }),
    ),
    targets: z.array(
      z.object({
        nodeId: z.string(),
        region: z.string(),
        releaseId: z.string(),
        moduleId: z.string(),
        weight: z.number(),
        isReachable: z.boolean().exactOptional(),
      }),
    ),
  })
  .meta({ id: 'Route' });

/** @see {@link RouteList} @public */
export const routeListSchema: z.ZodType<RouteList> = z
  .object({ routes: z.array(routeViewSchema), nextCursor: z.string().nullable() })
  .meta({ id: 'RouteList' });

/** @public */
export type RouteListQuery = ListQuery;

/** @see {@link RouteListQuery} @public */
export const routeListQuerySchema: z.ZodType<{ limit?: number | undefined; cursor?: string | undefined }, unknown> =
  z.strictObject({ ...listQueryShape });
