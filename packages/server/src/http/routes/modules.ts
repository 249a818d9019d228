import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import {
  apiBase,
  moduleListQuerySchema,
  moduleListSchema,
  moduleMetadataSchema,
  moduleReportSchema,
  moduleViewSchema,
  registerModuleSchema,
  validateModuleSchema,
  type CheckedModuleMetadata,
  type ModuleReport,
  type ModuleView,
  type RegisterModuleRequest,
} from '@hotswap/protocol';
import type { ModuleRecord } from '@hotswap/core';
import { callerOf } from '../../auth/authorize.ts';
import { administering, reading, writing } from '../../auth/principal.ts';
import { serverError } from '../../error-codes.ts';
import { toModuleView } from '../../modules/module-view.ts';
import { boundUploads, isWasmUpload, type WasmUpload } from '../../modules/wasm-upload.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { readRange } from '../byte-range.ts';
import { entityTag, hasAlready, heldToSeen, requireMatch } from '../entity-tag.ts';
import { invalidRequest, issuesOf, validateByZod } from '../validate-request.ts';

const base = `${apiBase}/modules`;
const params = z.strictObject({ moduleId: z.string().max(170) });
const schemaOf = (extra: object): object => ({ tags: ['modules'], ...extra });

/** @internal */
export function moduleRoutes(app: App, parts: ServerParts): void {
  uploadRoutes(app, parts);
  readingRoutes(app, parts);
  binaryRoute(app, parts);
  deletionRoute(app, parts);
}

function uploadRoutes(app: App, { moduleService, config, events }: ServerParts): void {
  // Base64 takes four bytes for three; the rest is for metadata.
  const bodyLimit = Math.ceil(config.maxWasmSizeBytes / 3) * 4 + 65_536;
  const uploads = { onRequest: boundUploads(), bodyLimit, handlerTimeout: 180_000 };

  app.post(
    base,
    {
      ...uploads,
      config: { role: writing, idempotent: true, rateClass: 'registration' },
      validatorCompiler: validateUnlessUpload,
      preValidation: explainLimit(config.maxWasmSizeBytes),
      schema: {
        tags: ['modules'],
        body: registerModuleSchema,
        response: { 200: moduleViewSchema, 201: moduleViewSchema },
      },
    },
    async (request, reply): Promise<ModuleView> => {
      const { upload, metadata } = readUpload(request, (body) => moduleService.decode(body.wasmBinary));
      const { module, created } = await moduleService.register(upload, metadata, callerOf(request));
      events.emit({ topic: 'module.registered', tenant: module.tenant, subject: module.moduleId });
      void reply
        .code(created ? 201 : 200)
        .header('location', `${base}/${module.moduleId}`)
        .header('etag', moduleTag(module));
      return toModuleView(module);
    },
  );

  app.post(
    `${base}/validate`,
    {
      ...uploads,
      config: { role: writing },
      schema: { tags: ['modules'], body: validateModuleSchema, response: { 200: moduleReportSchema } },
    },
    (request): Promise<ModuleReport> => {
      const { wasmBinary, ...metadata } = request.body;
      return moduleService.report(moduleService.decode(wasmBinary), metadata);
    },
  );
}

function readingRoutes(app: App, { modules, moduleService, gate }: ServerParts): void {
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags: ['modules'], querystring: moduleListQuerySchema, response: { 200: moduleListSchema } },
    },
    async (request) => {
      const { items, nextCursor } = await modules.list(callerOf(request).tenant, pageOf(request.query));
      return { modules: items.map(toModuleView), nextCursor };
    },
  );

  app.get(
    `${base}/:moduleId`,
    { config: { role: reading }, schema: { tags: ['modules'], params, response: { 200: moduleViewSchema } } },
    async (request, reply) => {
      const module = await modules.get(callerOf(request).tenant, request.params.moduleId);
      void reply.header('etag', moduleTag(module));
      return toModuleView(module);
    },
  );

  app.post(
    `${base}/:moduleId/validate`,
    { config: { role: writing }, schema: { tags: ['modules'], params, response: { 200: moduleReportSchema } } },
    async (request) => {
      const module = await modules.get(callerOf(request).tenant, request.params.moduleId);
      const report = moduleService.recheck(module);
      const problems = [...report.problems, ...(await gate.problems(module.tenant, module.description))];
      return { ...report, valid: problems.length === 0, problems };
    },
  );
}

function binaryRoute(app: App, parts: ServerParts): void {
  app.get(
    `${base}/:moduleId/binary`,
    { config: { role: [...writing, 'agent'] }, handlerTimeout: 600_000, schema: schemaOf({ params }) },
    async (request, reply) => {
      const { moduleId } = request.params as z.output<typeof params>;
      const caller = callerOf(request);
      if (
        caller.nodeId !== undefined &&
        !(await parts.nodes.get(caller.tenant, caller.nodeId)).deployedModules.includes(moduleId)
      ) {
        throw serverError('HS_AUTH_FORBIDDEN', {
          subject: caller.subject,
          role: caller.role,
          needed: `an assignment of ${moduleId}`,
        });
      }
      return sendBinary(request, reply, await parts.modules.get(caller.tenant, moduleId), parts);
    },
  );
}

function deletionRoute(app: App, { modules, moduleService, events }: ServerParts): void {
  app.delete(
    `${base}/:moduleId`,
    { config: { role: administering }, schema: { tags: ['modules'], params } },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      const { moduleId } = request.params;
      const before = await modules.get(tenant, moduleId);
      const seen = requireMatch(request, moduleTag(before), moduleId) ? before : undefined;
      await heldToSeen(moduleId, () => moduleService.delete(tenant, moduleId, seen));
      events.emit({ topic: 'module.deleted', tenant, subject: moduleId });
      return reply.code(204).send();
    },
  );
}

/** A version never changes, but after its deletion another one can be registered under its id. */
const moduleTag = ({ moduleId, digest, createdAt }: ModuleRecord): string => entityTag({ moduleId, digest, createdAt });

/** Only what was given, so that absent stays absent. @internal */
export function pageOf<Query extends object>(query: Query): { [Key in keyof Query]: Exclude<Query[Key], undefined> } {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Query]: Exclude<Query[Key], undefined>;
  };
}

/** A streamed upload is no JSON that a schema could read. */
const validateUnlessUpload: FastifySchemaCompiler<unknown> = (route) => {
  const validate = validateByZod(route as Parameters<typeof validateByZod>[0]);
  return (data: unknown) => (isWasmUpload(data) ? { value: data } : (validate(data) as { value: unknown }));
};

function readUpload(
  request: FastifyRequest,
  decode: (body: RegisterModuleRequest) => WasmUpload,
): { upload: WasmUpload; metadata: CheckedModuleMetadata } {
  const body: unknown = request.body;
  if (isWasmUpload(body))
    return { upload: body, metadata: metadataFromQuery(request.query as Readonly<Record<string, unknown>>) };
  const { wasmBinary: _bytes, ...metadata } = body as RegisterModuleRequest & CheckedModuleMetadata;
  return { upload: decode(body as RegisterModuleRequest), metadata };
}

const jsonKeys = ['interfaces', 'resourceLimits', 'capabilities', 'http', 'runtime', 'allowedRegions', 'healthCheck'];

/** Metadata of a streamed upload: texts as they are, everything else as JSON. @throws HS_API_INVALID_REQUEST @internal */
export function metadataFromQuery(query: Readonly<Record<string, unknown>>): CheckedModuleMetadata {
  const given = Object.fromEntries(
    Object.entries(query).map(([key, value]) => [key, jsonKeys.includes(key) ? jsonOf(key, value) : value]),
  );
  const read = moduleMetadataSchema.safeParse(given);
  if (read.success) return read.data;
  throw invalidRequest(issuesOf(read.error, '/query'));
}

function jsonOf(key: string, value: unknown): unknown {
  try {
    return JSON.parse(String(value)) as unknown;
  } catch {
    throw invalidRequest([{ pointer: `/query/${key}`, detail: 'must be JSON' }]);
  }
}

function explainLimit(limitBytes: number): (request: FastifyRequest) => Promise<void> {
  return (request) => {
    const body = request.body as { wasmBinary?: unknown } | null | undefined;
    const text = body !== null && typeof body === 'object' ? body.wasmBinary : undefined;
    return typeof text === 'string' && text.length > Math.ceil(limitBytes / 3) * 4
      ? Promise.reject(serverError('HS_LIMIT_MODULE_SIZE', { limitBytes }))
      : Promise.resolve();
  };
}

function sendBinary(
  request: FastifyRequest,
  reply: FastifyReply,
  module: ModuleRecord,
  { store }: ServerParts,
): FastifyReply {
  const { digest, sizeBytes } = module;
  const tag = `"${digest}"`;
  void reply.header('etag', tag);
  if (hasAlready(request, tag)) return reply.code(304).send();
  const ifRange = request.headers['if-range'];
  const range = ifRange === undefined || ifRange === tag ? readRange(request.headers.range, sizeBytes) : null;
  void reply
    .header('content-type', 'application/wasm')
    .header('accept-ranges', 'bytes')
    .header('cache-control', 'private, max-age=31536000, immutable');
  if (range === 'unsatisfiable') {
    void reply.header('content-range', `bytes */${sizeBytes}`);
    throw serverError('HS_API_RANGE_NOT_SATISFIABLE', { sizeBytes });
  }
  if (range) void reply.code(206).header('content-range', `bytes ${range.from}-${range.to - 1}/${sizeBytes}`);
  void reply.header('content-length', range ? range.to - range.from : sizeBytes);
  return reply.send(Readable.from(store.get(digest, range ?? undefined), { objectMode: false }));
}
