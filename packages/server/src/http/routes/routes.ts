import { z } from 'zod';
import {
  apiBase,
  routeListQuerySchema,
  routeListSchema,
  routeViewSchema,
  setRouteSchema,
  type RouteView,
} from '@hotswap/protocol';
import { gatewayErrorCodes, type Gateway } from '@hotswap/gateway';
import { errorFactory } from '@hotswap/core';
import { callerOf } from '../../auth/authorize.ts';
import { administering, reading } from '../../auth/principal.ts';
import type { LiveRoute, LiveRoutes } from '../../ports/live-routes.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { entityTag, heldToSeen, requireMatch } from '../entity-tag.ts';
import { pageOf } from './modules.ts';

const base = `${apiBase}/routes`;
const params = z.strictObject({ name: z.string().max(100) });
const routeError = errorFactory(gatewayErrorCodes);

/** @internal */
export function trafficRoutes(app: App, parts: ServerParts): void {
  readingRoutes(app, parts);
  changingRoutes(app, parts);
}

function readingRoutes(app: App, { routes, gateway }: ServerParts): void {
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags: ['routes'], querystring: routeListQuerySchema, response: { 200: routeListSchema } },
    },
    async (request) => {
      const { items, nextCursor } = await routes.list(callerOf(request).tenant, pageOf(request.query));
      return { routes: items.map((route) => toRouteView(route, gateway)), nextCursor };
    },
  );

  app.get(
    `${base}/:name`,
    { config: { role: reading }, schema: { tags: ['routes'], params, response: { 200: routeViewSchema } } },
    async (request, reply) => {
      const { name } = request.params;
      const route = await find(routes, callerOf(request).tenant, name);
      void reply.header('etag', routeTag(route));
      return toRouteView(route, gateway);
    },
  );
}

function changingRoutes(app: App, { routes, gateway }: ServerParts): void {
  app.put(
    `${base}/:name`,
    {
      config: { role: administering },
      schema: { tags: ['routes'], params, body: setRouteSchema, response: { 200: routeViewSchema } },
    },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      const { name } = request.params;
      const what = `the route of ${name}`;
      const before = await find(routes, tenant, name);
      const seen = requireMatch(request, routeTag(before), what) ? before : undefined;
      await heldToSeen(what, () => routes.setWeights(tenant, name, request.body.weights, seen));
      const route = await find(routes, tenant, name);
      void reply.header('etag', routeTag(route));
      return toRouteView(route, gateway);
    },
  );

  app.delete(
    `${base}/:name`,
    { config: { role: administering }, schema: { tags: ['routes'], params } },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      const { name } = request.params;
      const what = `the route of ${name}`;
      const before = await find(routes, tenant, name);
      const seen = requireMatch(request, routeTag(before), what) ? before : undefined;
      await heldToSeen(what, () => routes.retire(tenant, name, seen));
      return reply.code(204).send();
    },
  );
}

async function find(routes: LiveRoutes, tenant: string, moduleName: string): Promise<LiveRoute> {
  const route = await routes.find(tenant, moduleName);
  if (route === null) throw routeError('HS_ROUTE_NOT_FOUND', { moduleName });
  return route;
}

const routeTag = ({ moduleName, revision, epoch }: LiveRoute): string =>
  entityTag({ name: moduleName, revision, epoch });

/** What requests get here and now: targets whose node this server's gateway cannot reach have no share, unless none has. */
function toRouteView({ moduleName, revision, epoch, targets }: LiveRoute, gateway: Gateway): RouteView {
  const reached = targets.filter(({ dataPlaneUrl }) => gateway.canReach(dataPlaneUrl));
  const serving = reached.length > 0 ? reached : targets;
  const total = sumOf(serving);
  const releases = [...Map.groupBy(targets, (target) => target.releaseId)].map(([releaseId, ofRelease]) => ({
    releaseId,
    moduleId: ofRelease[0]?.moduleId ?? '',
    version: ofRelease[0]?.version ?? '',
    percent: Math.round((sumOf(ofRelease.filter((target) => serving.includes(target))) / total) * 10_000) / 100,
  }));
  return {
    moduleName,
    revision,
    epoch,
    releases,
    targets: targets.map((target) => {
      const { nodeId, region, releaseId, moduleId, weight } = target;
      const isReachable = reached.includes(target);
      return { nodeId, region, releaseId, moduleId, weight, ...(isReachable ? {} : { isReachable }) };
    }),
  };
}

const sumOf = (targets: LiveRoute['targets']): number => targets.reduce((sum, { weight }) => sum + weight, 0);
