import type { FastifyInstance, FastifyRequest } from 'fastify';
import { serverError } from '../error-codes.ts';
import type { CachedAuthenticator } from './authenticator.ts';
import type { RequestLimits } from '../limits/request-limits.ts';
import type { Principal, Role } from './principal.ts';
import { cookieToken, requireSameOrigin } from './session-cookie.ts';

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
    /** Which of the installation's limits counts its requests, besides those of the caller's tier. */
    rateClass?: 'registration' | 'execution';
    /** Takes an `Idempotency-Key`. */
    idempotent?: boolean;
  }
  interface FastifyRequest {
    /** `null` only on open routes. */
    principal: Principal | null;
  }
}

/**
 * Makes every route say who may use it, and holds callers to it and to their limits before anything of the body is read.
 * @internal
 */
export function authorizeRoutes(
  app: FastifyInstance,
  authenticator: CachedAuthenticator,
  limits?: RequestLimits,
): void {
  app.decorateRequest('principal', null);
  app.addHook('onRoute', (route) => {
    if (route.config?.role === undefined)
      throw serverError('HS_CONFIG_INVALID', {
        why: `the route ${String(route.method)} ${route.url} declares no role`,
      });
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404) {
      done();
      return;
    }
    const finish = (principal: Principal | null, credential: Credential | undefined): void => {
      const refusal = admit(request, principal, credential);
      if (refusal !== undefined && principal === null) limits?.noteStranger(request.ip);
      if (refusal !== undefined || principal === null || limits === undefined) {
        done(refusal);
        return;
      }
      const verdict = limits.hold(principal, request.routeOptions.config.rateClass, reply);
      if (verdict instanceof Promise) verdict.then(done, done);
      else done(verdict);
    };
    const credential = credentialOf(request);
    const known = credential === undefined ? null : authenticator.known(credential.token);
    if (known) {
      finish(known, credential);
      return;
    }
    const isStranger = credential === undefined || !authenticator.hasMet(credential.token);
    const tired = isStranger && isClosed(request) ? limits?.refuseStranger(request.ip) : undefined;
    if (tired !== undefined || known === null) {
      if (tired === undefined) finish(null, credential);
      else done(tired);
      return;
    }
    authenticator.authenticate((credential as Credential).token).then(
      (principal) => finish(principal, credential),
      (error: unknown) => done(error as Error),
    );
  });
}

/** A token and whether a browser sent it by itself. @internal */
export interface Credential {
  readonly token: string;
  readonly isCookie: boolean;
}

/**
 * Whoever sends a header means it, so no cookie counts beside it; what a module serves is no place for a session.
 * @internal
 */
export function credentialOf(request: FastifyRequest): Credential | undefined {
  if (request.headers.authorization !== undefined) {
    const token = bearerToken(request);
    return token === undefined ? undefined : { token, isCookie: false };
  }
  if (request.headers.cookie === undefined || request.routeOptions.config.role === 'module') return undefined;
  const token = cookieToken(request);
  return token === undefined ? undefined : { token, isCookie: true };
}

function isClosed(request: FastifyRequest): boolean {
  const { role } = request.routeOptions.config;
  return role !== 'open' && role !== 'module';
}

const readingMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

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
function admit(
  request: FastifyRequest,
  principal: Principal | null,
  credential: Credential | undefined,
): Error | undefined {
  const role = request.routeOptions.config.role;
  if (principal !== null && credential?.isCookie === true) {
    try {
      requireSameOrigin(request, readingMethods.includes(request.method));
    } catch (error) {
      return error as Error;
    }
  }
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
