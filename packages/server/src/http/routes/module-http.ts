import { gatewayErrorCodes } from '@hotswap/gateway';
import { errorFactory } from '@hotswap/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { apiBase, moduleNameSchema } from '@hotswap/protocol';
import { forbidden } from '../../auth/authorize.ts';
import { invoking, type Principal } from '../../auth/principal.ts';
import { hideSessionCookies } from '../../auth/session-cookie.ts';
import { serverError } from '../../error-codes.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const maxUrlBytes = 8_192;
/** Streams of modules may go on for long; the module's own limits and silence end them. */
const longestAnswerMs = 2_147_483_647;
/** Modules without a principal belong to the tenant that every installation has. */
const openTenant = 'default';

const params = z.strictObject({ name: z.string().max(100), '*': z.string().optional() });
const routeError = errorFactory(gatewayErrorCodes);

/**
 * What a module serves is on this server's origin, where its scripts must not act as whoever is logged in.
 */
const answerHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': 'sandbox allow-forms allow-scripts allow-popups',
  'x-content-type-options': 'nosniff',
};

/**
 * HTTP requests of modules: streamed through to a node that serves the release which the live route chooses.
 * @internal
 */
export function moduleHttpRoutes(app: App, parts: ServerParts): void {
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // The gateway reads the body itself, as fast as a node takes it.
    scope.addContentTypeParser('*', (_request: FastifyRequest, _payload, taken) => taken(null));
    for (const url of [`${apiBase}/http/:name`, `${apiBase}/http/:name/*`]) {
      scope.route({
        method: [...methods],
        url,
        handlerTimeout: longestAnswerMs,
        config: { role: 'module', rateClass: 'execution' },
        // Described, but not run: the name is checked below, and everything else is the module's own.
        validatorCompiler: () => (value: unknown) => ({ value }),
        schema: { tags: ['modules'], params, hide: !url.endsWith('*') },
        onRequest: async (request) => admit(request, parts),
        handler: (request, reply) => forward(request, reply, parts),
      });
    }
    done();
  });
}

/** @throws HS_AUTH_REQUIRED, HS_AUTH_FORBIDDEN, HS_ROUTE_NO_HTTP and those of a request that cannot be sent on */
async function admit(request: FastifyRequest, { gateway }: ServerParts): Promise<void> {
  const moduleName = nameOf(request);
  const { principal } = request;
  const http =
    moduleName === null
      ? null
      : // Strangers could make the database look for any number of names.
        principal === null
        ? gateway.knownHttp(openTenant, moduleName)
        : await gateway.http(principal.tenant, moduleName);
  if (http?.access !== 'public') requireRole(principal);
  if (moduleName === null || http === null)
    throw routeError('HS_ROUTE_NO_HTTP', { moduleName: (request.params as { name: string }).name });
  const { upgrade } = request.headers;
  // An offer of HTTP/2 may be passed over; anything else cannot go on without its protocol.
  if (upgrade !== undefined && upgrade !== 'h2c') throw routeError('HS_ROUTE_UPGRADE_REFUSED', { protocol: upgrade });
}

/** What is not public takes the same roles as a call of a function. */
function requireRole(principal: Principal | null): void {
  if (principal === null) throw serverError('HS_AUTH_REQUIRED');
  if (!invoking.includes(principal.role)) throw forbidden(principal, invoking.join(' or '));
}

async function forward(request: FastifyRequest, reply: FastifyReply, { gateway }: ServerParts): Promise<void> {
  const moduleName = nameOf(request) ?? '';
  const { principal, raw } = request;
  const prefix = `${apiBase}/http/${moduleName}`;
  hideSessionCookies(raw.rawHeaders);
  try {
    await gateway.forward({
      tenant: principal?.tenant ?? openTenant,
      moduleName,
      url: moduleUrl(raw.url ?? '', prefix),
      prefix,
      request: raw,
      response: reply.raw,
      requestId: request.id,
      span: request.span ?? undefined,
      remoteAddress: request.ip,
      scheme: request.protocol === 'https' ? 'https' : 'http',
      version: principal !== null && invoking.includes(principal.role) ? versionOf(request) : undefined,
      extraHeaders: answerHeaders,
      onHead: () => {
        reply.hijack();
      },
    });
  } catch (error) {
    // What is left of the body will not be read.
    if (!raw.complete) void reply.header('connection', 'close');
    throw error;
  }
}

function nameOf(request: FastifyRequest): string | null {
  const { name } = request.params as z.output<typeof params>;
  return moduleNameSchema.safeParse(name).success ? name : null;
}

function versionOf({ headers }: FastifyRequest): string | undefined {
  const version = headers['x-hotswap-version'];
  return typeof version === 'string' && version !== '' && version.length <= 200 ? version : undefined;
}

/**
 * What the module sees of the address. Segments that climb would be read differently by whoever normalises them.
 * @throws HS_ROUTE_URI_TOO_LONG, HS_ROUTE_INVALID_PATH
 */
function moduleUrl(url: string, prefix: string): string {
  if (url.length > maxUrlBytes) throw routeError('HS_ROUTE_URI_TOO_LONG', { limitBytes: maxUrlBytes });
  if (!url.startsWith(prefix)) throw routeError('HS_ROUTE_INVALID_PATH', { why: 'the name is escaped' });
  const rest = url.slice(prefix.length);
  const path = rest.split('?', 1)[0] ?? '';
  if (path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)))
    throw routeError('HS_ROUTE_INVALID_PATH', { why: 'it has segments of dots' });
  return rest.startsWith('/') ? rest : `/${rest}`;
}
