import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { EventSink } from '@hotswap/core';
import {
  apiBase,
  desiredQuerySchema,
  heartbeatAnswerSchema,
  heartbeatSchema,
  nodeRegisteredSchema,
  nodeRegistrationSchema,
  nodeSessionSchema,
} from '@hotswap/protocol';
import { bearerToken, callerOf } from '../../auth/authorize.ts';
import { beingAgent } from '../../auth/principal.ts';
import { serverError } from '../../error-codes.ts';
import type { NodeMove } from '../../ports/node-registry.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { invalidRequest } from '../validate-request.ts';

const base = `${apiBase}/nodes`;
const params = z.strictObject({ id: z.string().max(100) });
const maxHeartbeatBytes = 8 * 1_048_576;

/** What agents say and hear. @internal */
export function nodeAgentRoutes(app: App, parts: ServerParts): void {
  const { nodes, signingKey, hub, intake, streams, events } = parts;
  const tags = ['agents'];

  app.post(
    base,
    {
      config: { role: 'joinToken' },
      schema: { tags, body: nodeRegistrationSchema, response: { 201: nodeRegisteredSchema } },
    },
    async (request, reply) => {
      const { nodeId } = request.body;
      const { tenant, credential, move } = await nodes.register(bearerToken(request) ?? '', request.body);
      events.emit({ topic: 'node.joined', tenant, subject: nodeId });
      if (move !== null) tellOfMove(events, tenant, nodeId, move);
      void reply.code(201).header('location', `${base}/${nodeId}`);
      return { nodeId, credential, serverPublicKey: await signingKey.publicKeyOf(tenant), tenant };
    },
  );

  app.put(
    `${base}/:id/session`,
    { ...ownOnly, schema: { tags, params, body: nodeRegistrationSchema, response: { 200: nodeSessionSchema } } },
    async (request) => {
      const { tenant, nodeId } = ownNode(request);
      if (request.body.nodeId !== nodeId) throw invalidRequest([{ pointer: '/nodeId', detail: `must be ${nodeId}` }]);
      const move = await nodes.openSession(tenant, request.body);
      events.emit({ topic: 'node.connected', tenant, subject: nodeId });
      if (move !== null) tellOfMove(events, tenant, nodeId, move);
      return { serverPublicKey: await signingKey.publicKeyOf(tenant) };
    },
  );

  app.get(
    `${base}/:id/desired`,
    { ...ownOnly, schema: { tags, params, querystring: desiredQuerySchema } },
    async (request, reply) => {
      const { tenant, nodeId } = ownNode(request);
      await nodes.get(tenant, nodeId);
      const epoch = await hub.claim(tenant, nodeId, request.query.bootId ?? null);
      if (epoch === null) throw serverError('HS_NODE_SUPERSEDED', { nodeId });
      await hub.connect(tenant, nodeId, epoch, streams.open(request, reply));
      return reply;
    },
  );

  app.post(
    `${base}/:id/heartbeat`,
    {
      ...ownOnly,
      bodyLimit: maxHeartbeatBytes,
      schema: { tags, params, body: heartbeatSchema, response: { 200: heartbeatAnswerSchema } },
    },
    async (request) => {
      const { tenant, nodeId } = ownNode(request);
      const { kind, generation, heartbeatIntervalMs } = await intake.take(tenant, { nodeId, ...request.body });
      // Deleted meanwhile: reading it says so.
      if (kind === 'unknown') await nodes.get(tenant, nodeId);
      if (kind === 'superseded') throw serverError('HS_NODE_SUPERSEDED', { nodeId });
      return { generation, heartbeatIntervalMs };
    },
  );
}

/** Where it was and is now, and which modules it lost by that; what belongs there now is looked for at once. */
function tellOfMove(events: EventSink, tenant: string, nodeId: string, { from, to, removed }: NodeMove): void {
  const facts = { from, to, removed: removed.map(({ moduleName, releaseId }) => ({ moduleName, releaseId })) };
  events.emit({ topic: 'node.moved', tenant, subject: nodeId, facts });
  events.emit({ topic: 'node.changed', tenant, subject: nodeId });
}

/** An agent may speak for its own node only; held before anything of the body is read. */
const ownOnly = {
  config: { role: beingAgent },
  onRequest: (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    const { nodeId, subject, role } = callerOf(request);
    const { id } = request.params as { readonly id: string };
    done(
      nodeId === id
        ? undefined
        : serverError('HS_AUTH_FORBIDDEN', { subject, role, needed: 'the credential of that node' }),
    );
  },
};

function ownNode(request: FastifyRequest): { readonly tenant: string; readonly nodeId: string } {
  const { tenant, nodeId = '' } = callerOf(request);
  return { tenant, nodeId };
}
