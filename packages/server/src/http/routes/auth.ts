import {
  changePasswordSchema,
  loginAnswerSchema,
  loginSchema,
  logoutSchema,
  whoAmISchema,
  type WhoAmI,
} from '@hotswap/protocol';
import { z } from 'zod';
import { bearerToken, callerOf } from '../../auth/authorize.ts';
import { hashPassword } from '../../auth/password-hash.ts';
import { requireStrongPassword } from '../../auth/password-strength.ts';
import { beingKnown, type Principal } from '../../auth/principal.ts';
import { clearSessionCookie, cookieToken, requireSameOrigin, setSessionCookie } from '../../auth/session-cookie.ts';
import { serverError } from '../../error-codes.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';

const base = '/api/v1/auth';
const tags = ['auth'];
const nothing = z.undefined().meta({ description: 'Done' });

/** @internal */
export function authRoutes(app: App, parts: ServerParts): void {
  loginRoute(app, parts);
  logoutRoute(app, parts);
  passwordRoute(app, parts);
  app.get(
    `${base}/me`,
    { config: { role: beingKnown }, schema: { tags, response: { 200: whoAmISchema } } },
    (request): WhoAmI => toWhoAmI(callerOf(request)),
  );
}

function loginRoute(app: App, { login }: ServerParts): void {
  app.post(
    `${base}/login`,
    { config: { role: 'open' }, schema: { tags, body: loginSchema, response: { 200: loginAnswerSchema } } },
    async (request, reply) => {
      // Nobody is to be logged in as somebody else by a page that they look at.
      requireSameOrigin(request, true);
      const { username, password } = request.body;
      const { token, expiresAt, role } = await login.login(username, password, request.ip);
      setSessionCookie(request, reply, token, expiresAt);
      void reply.header('cache-control', 'no-store');
      return { token, expiresAt: new Date(expiresAt).toISOString(), role };
    },
  );
}

/** Open, so that a browser gets rid of a cookie that is worth nothing any more. */
function logoutRoute(app: App, { users, authenticator }: ServerParts): void {
  app.post(
    `${base}/logout`,
    { config: { role: 'open' }, schema: { tags, body: logoutSchema, response: { 204: nothing } } },
    async (request, reply) => {
      const { principal } = request;
      if (principal?.session !== undefined) {
        const { tenant, subject, expiresAt = Date.now(), session } = principal;
        if (request.body.everywhere === true) await users.endSessions(tenant, session.userId);
        else await users.endSession(session.sessionId, expiresAt, { tenant, username: subject });
        authenticator.forget(
          request.body.everywhere === true ? undefined : (bearerToken(request) ?? cookieToken(request)),
        );
      }
      clearSessionCookie(request, reply);
      return reply.code(204).send();
    },
  );
}

function passwordRoute(app: App, { login, users, authenticator }: ServerParts): void {
  app.post(
    `${base}/password`,
    {
      config: { role: beingKnown },
      schema: { tags, body: changePasswordSchema, response: { 204: nothing } },
    },
    async (request, reply) => {
      const { subject, kind = 'token', session } = callerOf(request);
      if (session === undefined) throw serverError('HS_AUTH_NO_SESSION', { subject, kind });
      const { currentPassword, newPassword } = request.body;
      requireStrongPassword(newPassword, subject);
      const user = await login.confirm(subject, currentPassword, request.ip);
      const passwordHash = await hashPassword(newPassword);
      const changed = await users.change(user.tenant, user.userId, user.revision, { passwordHash });
      if (changed === null) throw serverError('HS_API_STALE', { what: 'The user' });
      authenticator.forget();
      clearSessionCookie(request, reply);
      return reply.code(204).send();
    },
  );
}

function toWhoAmI({ subject, role, tenant, kind, tier, expiresAt }: Principal): WhoAmI {
  return {
    ...{ subject, role, tenant },
    kind: kind ?? 'token',
    tier: tier ?? null,
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
  };
}
