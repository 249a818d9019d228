import { z } from 'zod';
import { durationMs } from '@hotswap/core';
import {
  apiBase,
  joinTokenRequestSchema,
  joinTokenViewSchema,
  nodeHealthViewSchema,
  nodeListQuerySchema,
  nodeListSchema,
  nodeMetricsQuerySchema,
  nodeMetricsViewSchema,
  nodeViewSchema,
  updateNodeSchema,
  type NodeStatus,
} from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { administering, reading } from '../../auth/principal.ts';
import { unhealthyAfterMs } from '../../nodes/node-conditions.ts';
import { nodeTag, toNodeHealthView, toNodeMetricsView, toNodeView } from '../../nodes/node-view.ts';
import type { NodeQuery } from '../../ports/node-registry.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { heldToSeen, requireMatch } from '../entity-tag.ts';
import { invalidRequest } from '../validate-request.ts';
import { pageOf } from './modules.ts';

const base = `${apiBase}/nodes`;
const params = z.strictObject({ id: z.string().max(100) });
const tags = ['nodes'];
const defaultTokenMs = 300_000;
const longestTokenMs = 1_800_000;
const longestWindowMs = 86_400_000;

/** @internal */
export function nodeRoutes(app: App, parts: ServerParts): void {
  joinTokenRoute(app, parts);
  readingRoutes(app, parts);
  changingRoutes(app, parts);
}

function joinTokenRoute(app: App, { nodes }: ServerParts): void {
  app.post(
    `${apiBase}/join-tokens`,
    {
      config: { role: administering, idempotent: true },
      schema: { tags, body: joinTokenRequestSchema, response: { 201: joinTokenViewSchema } },
    },
    async (request, reply) => {
      const { tenant, subject } = callerOf(request);
      const { uses = 1, expiresIn, regions = null } = request.body;
      const expiresInMs = expiresIn === undefined ? defaultTokenMs : durationMs(expiresIn);
      if (expiresInMs > longestTokenMs)
        throw invalidRequest([{ pointer: '/expiresIn', detail: 'must be PT30M at most' }]);
      const made = await nodes.createJoinToken({
        tenant,
        uses,
        expiresInMs,
        regions,
        createdBy: subject,
      });
      void reply.code(201);
      return { token: made.token, uses, expiresAt: new Date(made.expiresAt).toISOString(), regions };
    },
  );
}

function readingRoutes(app: App, { nodes, nodeMetrics, config }: ServerParts): void {
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags, querystring: nodeListQuerySchema, response: { 200: nodeListSchema } },
    },
    async (request) => {
      const { status, label, ...page } = request.query;
      const { items, nextCursor } = await nodes.list(callerOf(request).tenant, {
        ...pageOf(page),
        ...labelOf(label),
        ...statusFilter(status),
      });
      const views = items.map((node) => toNodeView(node, config.flappingStarts));
      return { nodes: status === undefined ? views : views.filter((view) => view.status === status), nextCursor };
    },
  );

  app.get(
    `${base}/:id`,
    { config: { role: reading }, schema: { tags, params, response: { 200: nodeViewSchema } } },
    async (request, reply) => {
      const node = await nodes.get(callerOf(request).tenant, request.params.id);
      void reply.header('etag', nodeTag(node));
      return toNodeView(node, config.flappingStarts);
    },
  );

  app.get(
    `${base}/:id/health`,
    { config: { role: reading }, schema: { tags, params, response: { 200: nodeHealthViewSchema } } },
    async (request) => toNodeHealthView(await nodes.get(callerOf(request).tenant, request.params.id)),
  );

  app.get(
    `${base}/:id/metrics`,
    {
      config: { role: reading },
      schema: { tags, params, querystring: nodeMetricsQuerySchema, response: { 200: nodeMetricsViewSchema } },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      const { nodeId } = await nodes.get(tenant, request.params.id);
      const { window } = request.query;
      const windowMs = Math.min(durationMs(window), longestWindowMs);
      return toNodeMetricsView(nodeId, window, await nodeMetrics.ofNode(tenant, nodeId, windowMs));
    },
  );
}

function changingRoutes(app: App, { nodes, events, config }: ServerParts): void {
  app.put(
    `${base}/:id`,
    {
      config: { role: administering },
      schema: { tags, params, body: updateNodeSchema, response: { 200: nodeViewSchema } },
    },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      const { id } = request.params;
      const before = await nodes.get(tenant, id);
      const seen = requireMatch(request, nodeTag(before), `node ${id}`) ? before : undefined;
      const node = await heldToSeen(`node ${id}`, () => nodes.update(tenant, id, request.body, seen));
      events.emit({ topic: 'node.changed', tenant, subject: id });
      void reply.header('etag', nodeTag(node));
      return toNodeView(node, config.flappingStarts);
    },
  );

  app.delete(`${base}/:id`, { config: { role: administering }, schema: { tags, params } }, async (request, reply) => {
    const { tenant } = callerOf(request);
    const { id } = request.params;
    const before = await nodes.get(tenant, id);
    const seen = requireMatch(request, nodeTag(before), `node ${id}`) ? before : undefined;
    await heldToSeen(`node ${id}`, () => nodes.delete(tenant, id, seen));
    events.emit({ topic: 'node.deleted', tenant, subject: id });
    return reply.code(204).send();
  });
}

function labelOf(label: string | undefined): Pick<NodeQuery, 'label'> {
  const at = label?.indexOf('=') ?? -1;
  return label === undefined ? {} : { label: { name: label.slice(0, at), value: label.slice(at + 1) } };
}

/** Narrows in the database as far as it can tell; Healthy and Degraded are told apart afterwards. */
function statusFilter(status: NodeStatus | undefined): NodeQuery {
  if (status === undefined) return {};
  if (status === 'Disabled') return { isEnabled: false };
  return { isEnabled: true, isReachable: status !== 'Unhealthy', unhealthyAfterMs };
}
