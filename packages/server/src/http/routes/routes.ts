import { z } from 'zod';
import { apiBase, routeListQuerySchema, routeListSchema, routeViewSchema, type RouteView } from '@hotswap/protocol';
import { gatewayErrorCodes } from '@hotswap/gateway';
import { errorFactory } from '@hotswap/core';
import { callerOf } from '../../auth/authorize.ts';
import { reading } from '../../auth/principal.ts';
import type { LiveRoute } from '../../ports/live-routes.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { entityTag } from '../entity-tag.ts';
import { pageOf } from './modules.ts';

const base = `${apiBase}/routes`;
const params = z.strictObject({ name: z.string().max(100) });
const routeError = errorFactory(gatewayErrorCodes);

/** @internal */
export function trafficRoutes(app: App, { routes }: ServerParts): void {
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags: ['routes'], querystring: routeListQuerySchema, response: { 200: routeListSchema } },
    },
    async (request) => {
      const { items, nextCursor } = await routes.list(callerOf(request).tenant, pageOf(request.query));
      return { routes: items.map(toRouteView), nextCursor };
    },
  );

  app.get(
    `${base}/:name`,
    { config: { role: reading }, schema: { tags: ['routes'], params, response: { 200: routeViewSchema } } },
    async (request, reply) => {
      const { name } = request.params;
      const route = await routes.find(callerOf(request).tenant, name);
      if (route === null) throw routeError('HS_ROUTE_NOT_FOUND', { moduleName: name });
      void reply.header('etag', entityTag({ name, revision: route.revision, epoch: route.epoch }));
      return toRouteView(route);
    },
  );
}

function toRouteView({ moduleName, revision, epoch, targets }: LiveRoute): RouteView {
  const total = targets.reduce((sum, target) => sum + target.weight, 0);
  const releases = [...Map.groupBy(targets, (target) => target.releaseId)].map(([releaseId, ofRelease]) => ({
    releaseId,
    moduleId: ofRelease[0]?.moduleId ?? '',
    version: ofRelease[0]?.version ?? '',
    percent: Math.round((ofRelease.reduce((sum, target) => sum + target.weight, 0) / total) * 10_000) / 100,
  }));
  return {
    moduleName,
    revision,
    epoch,
    releases,
    targets: targets.map(({ nodeId, region, releaseId, moduleId, weight }) => ({
      nodeId,
      region,
      releaseId,
      moduleId,
      weight,
    })),
  };
}
