import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import {
  apiBase,
  decideInterfaceSchema,
  declareConsumerSchema,
  interfaceConsumerViewSchema,
  interfaceListQuerySchema,
  interfaceListSchema,
  interfaceNameSchema,
  interfaceReportSchema,
  interfaceVersionSchema,
  interfaceViewSchema,
  registerInterfaceSchema,
  validateInterfaceSchema,
  type InterfaceView,
} from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { administering, reading, writing } from '../../auth/principal.ts';
import { compareInterfaces } from '../../interfaces/compare-interfaces.ts';
import { toConsumerView, toInterfaceSummary, toInterfaceView } from '../../interfaces/interface-view.ts';
import { serverError } from '../../error-codes.ts';
import type { InterfaceRecord } from '../../ports/interface-store.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { entityTag, heldToSeen, requireMatch } from '../entity-tag.ts';
import { pageOf } from './modules.ts';

const base = `${apiBase}/interfaces`;
const tags = ['interfaces'];
const ofName = z.strictObject({ name: interfaceNameSchema });
const ofVersion = z.strictObject({ name: interfaceNameSchema, version: interfaceVersionSchema });
const ofConsumer = ofVersion.extend({ consumer: z.string().min(1).max(200) });
/** A text in JSON, every character escaped. */
const bodyLimit = 4 * 1_048_576;

/** @internal */
export function interfaceRoutes(app: App, parts: ServerParts): void {
  registrationRoute(app, parts);
  validationRoute(app, parts);
  readingRoutes(app, parts);
  for (const decision of ['approve', 'reject', 'deprecate'] as const) decisionRoute(app, parts, decision);
  consumerRoutes(app, parts);
}

function registrationRoute(app: App, parts: ServerParts): void {
  app.post(
    base,
    {
      bodyLimit,
      config: { role: writing, idempotent: true },
      schema: {
        tags,
        body: registerInterfaceSchema,
        response: { 200: interfaceViewSchema, 201: interfaceViewSchema },
      },
    },
    async (request, reply) => {
      const { record, created } = await parts.interfaceRegistry.register(request.body, callerOf(request));
      const { tenant, name, version, status } = record;
      if (created)
        parts.events.emit({ topic: 'interface.registered', tenant, subject: `${name}@${version}`, facts: { status } });
      void reply
        .code(created ? 201 : 200)
        .header('location', `${base}/${encodeURIComponent(name)}/${encodeURIComponent(version)}`);
      return shown(parts, record, reply);
    },
  );
}

function validationRoute(app: App, parts: ServerParts): void {
  app.post(
    `${base}/validate`,
    {
      bodyLimit,
      config: { role: writing },
      schema: { tags, body: validateInterfaceSchema, response: { 200: interfaceReportSchema } },
    },
    (request) => compareInterfaces(parts, callerOf(request).tenant, request.body),
  );
}

function readingRoutes(app: App, parts: ServerParts): void {
  const { interfaces } = parts;
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags, querystring: interfaceListQuerySchema, response: { 200: interfaceListSchema } },
    },
    async (request) => {
      const { items, nextCursor } = await interfaces.list(callerOf(request).tenant, pageOf(request.query));
      return { interfaces: items.map(toInterfaceSummary), nextCursor };
    },
  );

  app.get(
    `${base}/:name`,
    { config: { role: reading }, schema: { tags, params: ofName, response: { 200: interfaceListSchema } } },
    async (request) => {
      const versions = await interfaces.versions(callerOf(request).tenant, request.params.name);
      return { interfaces: versions.map(toInterfaceSummary), nextCursor: null };
    },
  );

  app.get(
    `${base}/:name/:version`,
    { config: { role: reading }, schema: { tags, params: ofVersion, response: { 200: interfaceViewSchema } } },
    async (request, reply) => {
      const { name, version } = request.params;
      return shown(parts, await interfaces.get(callerOf(request).tenant, name, version), reply);
    },
  );
}

function decisionRoute(app: App, parts: ServerParts, decision: 'approve' | 'reject' | 'deprecate'): void {
  app.post(
    `${base}/:name/:version/${decision}`,
    {
      config: { role: administering, idempotent: true },
      schema: { tags, params: ofVersion, body: decideInterfaceSchema, response: { 200: interfaceViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { name, version } = request.params;
      const record = await parts.interfaces.get(caller.tenant, name, version);
      const what = `interface ${name}@${version}`;
      const { reason = null, revision } = request.body;
      if (revision !== undefined && revision !== record.revision) throw serverError('HS_API_STALE', { what });
      const isSeen = requireMatch(request, tagOf(record), what) || revision !== undefined;
      const decided = await heldToSeen(what, () =>
        parts.interfaceRegistry.decide(record, decision, caller, { reason, isSeen }),
      );
      parts.events.emit({
        topic: 'interface.decided',
        tenant: caller.tenant,
        subject: `${name}@${version}`,
        facts: { status: decided.status, by: caller.subject },
      });
      return shown(parts, decided, reply);
    },
  );
}

function consumerRoutes(app: App, { interfaces }: ServerParts): void {
  app.post(
    `${base}/:name/:version/consumers`,
    {
      config: { role: writing, idempotent: true },
      schema: { tags, params: ofVersion, body: declareConsumerSchema, response: { 201: interfaceConsumerViewSchema } },
    },
    async (request, reply) => {
      const { tenant, subject } = callerOf(request);
      const { consumer, uses = [] } = request.body;
      const declared = await interfaces.putConsumer(tenant, { ...request.params, consumer, uses, createdBy: subject });
      void reply.code(201);
      return toConsumerView(declared);
    },
  );

  app.delete(
    `${base}/:name/:version/consumers/:consumer`,
    { config: { role: writing }, schema: { tags, params: ofConsumer } },
    async (request, reply) => {
      const { name, version, consumer } = request.params;
      await interfaces.removeConsumer(callerOf(request).tenant, name, version, consumer);
      return reply.code(204).send();
    },
  );
}

async function shown(
  { interfaces, interfaceRegistry }: ServerParts,
  record: InterfaceRecord,
  reply: FastifyReply,
): Promise<InterfaceView> {
  const { tenant, name, wit } = record;
  void reply.header('etag', tagOf(record));
  const consumers = await interfaces.consumers(tenant, [name]);
  return toInterfaceView(record, consumers, await interfaceRegistry.dependencies(tenant, wit));
}

function tagOf({ name, version, revision }: InterfaceRecord): string {
  return entityTag(`${name}@${version} ${revision}`);
}
