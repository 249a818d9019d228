import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import {
  apiBase,
  invokeAnswerSchema,
  invokeHeaders,
  invokeRequestSchema,
  moduleIdSchema,
  moduleNameSchema,
} from '@hotswap/protocol';
import type { GatewayReply } from '@hotswap/gateway';
import { callerOf } from '../../auth/authorize.ts';
import { invoking } from '../../auth/principal.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { invalidRequest } from '../validate-request.ts';

/** Above the largest input that a module may allow; the module's own limit is held by the node. */
const maxBodyBytes = 64 * 1_048_576;
const longestTimeoutMs = 60_000;
const maxKeptRefs = 10_000;
const openBrace = 0x7b;

const params = z.strictObject({ ref: z.string().max(170), function: z.string().min(1).max(500) });

/**
 * Calls of functions, the hot path: nothing here waits for the database, reads the body, or checks a token twice.
 * @internal
 */
export function invokeRoutes(app: App, { gateway, callers }: ServerParts): void {
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer' },
      (_request: FastifyRequest, body: Buffer, taken) => taken(null, body),
    );
    scope.post(
      `${apiBase}/modules/:ref/functions/:function/invoke`,
      {
        bodyLimit: maxBodyBytes,
        config: { role: invoking, rateClass: 'execution' },
        // Described, but not run: the node reads the body by the same schema, and names are checked once below.
        validatorCompiler: () => (value: unknown) => ({ value }),
        serializerCompiler: () => JSON.stringify,
        schema: { tags: ['modules'], params, body: invokeRequestSchema, response: { 200: invokeAnswerSchema } },
      },
      async (request, reply: FastifyReply) => {
        const { ref, function: functionName } = request.params as z.output<typeof params>;
        const { moduleName, version } = targetOf(ref);
        const caller = callerOf(request);
        const answer = await gateway.invoke({
          tenant: caller.tenant,
          moduleName,
          functionName,
          body: bodyOf(request.body),
          requestId: request.id,
          version: version ?? textHeader(request, 'x-hotswap-version'),
          stickyKey: textHeader(request, invokeHeaders.sticky),
          headers: request.headers,
          span: request.span ?? undefined,
          timeoutMs: timeoutOf(request),
          onCancel: (cancel) => {
            reply.raw.once('close', () => {
              if (!reply.raw.writableFinished) cancel();
            });
          },
        });
        if (answer.status === 200) callers.note(caller, moduleName, functionName);
        return reply
          .code(answer.status)
          .header('content-type', answer.contentType)
          .send(answer.status === 200 ? withNode(answer) : answer.body);
      },
    );
    done();
  });
}

interface Target {
  readonly moduleName: string;
  /** Module id, when the reference names a version. */
  readonly version: string | undefined;
}

const targets = new Map<string, Target>();

/** A name is routed by the live split; a module id means that version. */
function targetOf(ref: string): Target {
  const known = targets.get(ref);
  if (known) return known;
  if (targets.size >= maxKeptRefs) targets.clear();
  const target = readTarget(ref);
  targets.set(ref, target);
  return target;
}

function readTarget(ref: string): Target {
  const isId = moduleIdSchema.safeParse(ref).success;
  const moduleName = isId ? ref.slice(0, ref.lastIndexOf('-v')) : ref;
  if (moduleNameSchema.safeParse(moduleName).success) return { moduleName, version: isId ? ref : undefined };
  throw invalidRequest([
    { pointer: '/params/ref', detail: 'must be a module name, or a module id such as greeter-v1.2.0' },
  ]);
}

/** Only that it can be an object; everything else is the node's to say. */
function bodyOf(body: unknown): Buffer | string {
  if (!Buffer.isBuffer(body) || body.byteLength === 0) return '{}';
  let at = 0;
  while (at < body.byteLength && (body[at] as number) <= 0x20) at++;
  if (body[at] !== openBrace) throw invalidRequest([{ pointer: '', detail: 'must be a JSON object' }]);
  return body;
}

function textHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' && value !== '' && value.length <= 200 ? value : undefined;
}

function timeoutOf(request: FastifyRequest): number | undefined {
  const value = request.headers[invokeHeaders.timeoutMs];
  if (value === undefined) return undefined;
  const ms = Number(value);
  if (Number.isInteger(ms) && ms > 0) return Math.min(ms, longestTimeoutMs);
  throw invalidRequest([
    { pointer: `/headers/${invokeHeaders.timeoutMs}`, detail: 'must be a whole number of milliseconds above 0' },
  ]);
}

const nodePrefixes = new Map<string, Buffer>();

/** Adds the node to its answer without reading it: the answer is known to be a JSON object with members. */
function withNode({ nodeId, body }: GatewayReply): Buffer {
  if (body[0] !== openBrace) return body;
  let prefix = nodePrefixes.get(nodeId);
  if (prefix === undefined) {
    prefix = Buffer.from(`{"nodeId":${JSON.stringify(nodeId)},`);
    nodePrefixes.set(nodeId, prefix);
  }
  return Buffer.concat([prefix, body.subarray(1)]);
}
