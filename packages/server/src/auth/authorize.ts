import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { serverError } from '../error-codes.ts';
import type { CachedAuthenticator } from './authenticator.ts';
import type { Principal, Role } from './principal.ts';

/**
 * Who may use a route: anybody (a token, if there is one, still says who), whoever holds a join token (the route itself
 * checks it), whoever the module's own `http.access` lets in (the route itself checks it), or these roles.
 * @internal
 */
export type RouteRole = 'open' | 'joinToken' | 'module' | readonly Role[];

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route declares it; one without does not register. */
    role?: RouteRole;
    /** Takes an `Idempotency-Key`. */
    idempotent?: boolean;
  }
  interface FastifyRequest {
    /** `null` only on open routes. */
    principal: Principal | null;
  }
}

/**
 * Makes every route say who may use it, and holds them to it before anything of the body is read.
 * @internal
 */
export function authorizeRoutes(app: FastifyInstance, authenticator: CachedAuthenticator): void {
  app.decorateRequest('principal', null);
  app.addHook('onRoute', (route) => {
    if (route.config?.role === undefined)
      throw serverError('HS_CONFIG_INVALID', {
        why: `the route ${String(route.method)} ${route.url} declares no role`,
      });
  });
  app.addHook('onRequest', (request, _reply: FastifyReply, done) => {
    if (request.is404) {
      done();
      return;
    }
    const token = bearerToken(request);
    const known = token === undefined ? null : authenticator.known(token);
    if (known !== undefined) {
      done(admit(request, known));
      return;
    }
    authenticator.authenticate(token as string).then(
      (principal) => done(admit(request, principal)),
      (error: unknown) => done(error as Error),
    );
  });
}

/** The caller of a route that is not open. @internal */
export function callerOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw serverError('HS_AUTH_REQUIRED');
  return request.principal;
}

/** The token of the `authorization` header. @internal */
export function bearerToken(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined || header.length > 4_096) return undefined;
  return /^bearer /i.test(header) ? header.slice(7).trim() : undefined;
}

/** Remembers the caller; returns the refusal, if any. */
function admit(request: FastifyRequest, principal: Principal | null): Error | undefined {
  const role = request.routeOptions.config.role;
  request.principal = principal;
  if (role === 'open' || role === 'module') return undefined;
  if (role === 'joinToken') {
    if (principal !== null) return forbidden(principal, 'a join token');
    return bearerToken(request) === undefined ? serverError('HS_AUTH_REQUIRED') : undefined;
  }
  if (principal === null) return serverError('HS_AUTH_REQUIRED');
  return role?.includes(principal.role) === true ? undefined : forbidden(principal, (role ?? []).join(' or '));
}

/** The refusal of somebody who may not. @internal */
export function forbidden({ subject, role }: Principal, needed: string): Error {
  return serverError('HS_AUTH_FORBIDDEN', { subject, role, needed });
}
