import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import {
  accessListQuerySchema,
  createUserSchema,
  tiers,
  updateUserSchema,
  userListSchema,
  userViewSchema,
  type UserRole,
  type UserView,
} from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { hashPassword } from '../../auth/password-hash.ts';
import { requireStrongPassword } from '../../auth/password-strength.ts';
import { administering, type Principal } from '../../auth/principal.ts';
import { tenantFor } from '../../auth/tenant-for.ts';
import { serverError } from '../../error-codes.ts';
import type { UserRecord } from '../../ports/users.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { entityTag, requireMatch } from '../entity-tag.ts';
import { pageOf } from './modules.ts';

const base = '/api/v1/auth/users';
const tags = ['auth'];
const params = z.strictObject({ id: z.string().max(100) });
/** Names that acts of the installation itself go by. */
const reserved = /^(?:system|anonymous|local-admin|unknown)$|^(?:node|idp|key|engine):/;

/** @internal */
export function userRoutes(app: App, parts: ServerParts): void {
  const { users } = parts;
  creationRoute(app, parts);
  changeRoute(app, parts);
  app.get(
    base,
    {
      config: { role: administering },
      schema: { tags, querystring: accessListQuerySchema, response: { 200: userListSchema } },
    },
    async (request) => {
      const { items, nextCursor } = await users.list(callerOf(request).tenant, pageOf(request.query));
      return { users: items.map(toUserView), nextCursor };
    },
  );
  app.get(
    `${base}/:id`,
    { config: { role: administering }, schema: { tags, params, response: { 200: userViewSchema } } },
    async (request, reply) => answer(await find(parts, callerOf(request).tenant, request.params.id), reply),
  );
}

function creationRoute(app: App, { users }: ServerParts): void {
  app.post(
    base,
    {
      config: { role: administering },
      schema: { tags, body: createUserSchema, response: { 201: userViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { username, password, role, tier = null, tenant } = request.body;
      if (reserved.test(username)) throw serverError('HS_AUTH_RESERVED_NAME', { username });
      requireStrongPassword(password, username);
      const user = await users.create({
        ...{ tenant: tenantFor(caller, tenant), userId: randomUUID(), username, role, tier },
        passwordHash: await hashPassword(password),
        createdBy: caller.subject,
      });
      void reply.code(201).header('location', `${base}/${user.userId}`);
      return answer(user, reply);
    },
  );
}

function changeRoute(app: App, parts: ServerParts): void {
  app.put(
    `${base}/:id`,
    {
      config: { role: administering },
      schema: { tags, params, body: updateUserSchema, response: { 200: userViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { password, role, tier, isEnabled } = request.body;
      const user = await find(parts, caller.tenant, request.params.id);
      requireMatch(request, tagOf(user), `User ${user.username}`);
      keepOneself(caller, user, role, isEnabled);
      if (password !== undefined) requireStrongPassword(password, user.username);
      const changed = await parts.users.change(caller.tenant, user.userId, user.revision, {
        ...{ role, tier, isEnabled },
        passwordHash: password === undefined ? undefined : await hashPassword(password),
      });
      if (changed === null) throw serverError('HS_API_STALE', { what: `User ${user.username}` });
      parts.authenticator.forget();
      return answer(changed, reply);
    },
  );
}

/** Whoever takes something away from admins stays one: so one is always left. */
function keepOneself(
  caller: Principal,
  user: UserRecord,
  role: UserRole | undefined,
  isEnabled: boolean | undefined,
): void {
  if (user.username !== caller.subject) return;
  if ((role !== undefined && role !== user.role) || isEnabled === false) throw serverError('HS_AUTH_OWN_ACCOUNT');
}

async function find({ users }: ServerParts, tenant: string, userId: string): Promise<UserRecord> {
  const user = await users.find(tenant, userId);
  if (user === null) throw serverError('HS_AUTH_USER_NOT_FOUND', { userId });
  return user;
}

function answer(user: UserRecord, reply: FastifyReply): UserView {
  void reply.header('etag', tagOf(user));
  return toUserView(user);
}

const tagOf = ({ userId, revision }: UserRecord): string => entityTag({ userId, revision });

function toUserView(user: UserRecord): UserView {
  const { userId, username, role, tenant, tier, isEnabled, createdBy, createdAt, lastLoginAt } = user;
  return {
    ...{ userId, username, tenant, isEnabled, createdBy },
    role: role as UserRole,
    tier: tiers.find((known) => known === tier) ?? null,
    createdAt: new Date(createdAt).toISOString(),
    lastLoginAt: lastLoginAt === null ? null : new Date(lastLoginAt).toISOString(),
  };
}
