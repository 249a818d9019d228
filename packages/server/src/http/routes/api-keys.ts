import { z } from 'zod';
import { durationMs } from '@hotswap/core';
import {
  accessListQuerySchema,
  apiKeyListSchema,
  apiKeyViewSchema,
  createApiKeySchema,
  createdApiKeySchema,
  tiers,
  type ApiKeyRole,
  type ApiKeyView,
  type CreateApiKeyRequest,
  type Tier,
} from '@hotswap/protocol';
import { newApiKey, rankOf } from '../../auth/api-keys.ts';
import { callerOf } from '../../auth/authorize.ts';
import { holds, reading, type Principal } from '../../auth/principal.ts';
import { tenantFor } from '../../auth/tenant-for.ts';
import { serverError } from '../../error-codes.ts';
import type { ApiKeyRecord } from '../../ports/api-keys.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { invalidRequest } from '../validate-request.ts';
import { pageOf } from './modules.ts';

const base = '/api/v1/auth/keys';
const tags = ['auth'];
const params = z.strictObject({ id: z.string().max(100) });
const nothing = z.undefined().meta({ description: 'Done' });
const longestMs = 3_650 * 86_400_000;

/** Keys of programs: one's own, and for admins all of the tenant. @internal */
export function apiKeyRoutes(app: App, parts: ServerParts): void {
  const { apiKeys, authenticator } = parts;
  creationRoute(app, parts);
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags, querystring: accessListQuerySchema, response: { 200: apiKeyListSchema } },
    },
    async (request) => {
      const caller = callerOf(request);
      const { items, nextCursor } = await apiKeys.list(caller.tenant, ownerFilter(caller), pageOf(request.query));
      return { keys: items.map(toApiKeyView), nextCursor };
    },
  );
  app.get(
    `${base}/:id`,
    { config: { role: reading }, schema: { tags, params, response: { 200: apiKeyViewSchema } } },
    async (request) => {
      const caller = callerOf(request);
      const owner = ownerFilter(caller);
      const key = await apiKeys.find(request.params.id);
      if (key === null || key.tenant !== caller.tenant || (owner !== null && key.owner !== owner))
        throw serverError('HS_AUTH_KEY_NOT_FOUND', { keyId: request.params.id });
      return toApiKeyView(key);
    },
  );
  app.delete(
    `${base}/:id`,
    { config: { role: reading }, schema: { tags, params, response: { 204: nothing } } },
    async (request, reply) => {
      const caller = callerOf(request);
      const keyId = request.params.id;
      if (!(await apiKeys.revoke(caller.tenant, keyId, ownerFilter(caller))))
        throw serverError('HS_AUTH_KEY_NOT_FOUND', { keyId });
      authenticator.forget();
      return reply.code(204).send();
    },
  );
}

function creationRoute(app: App, { apiKeys, secrets }: ServerParts): void {
  app.post(
    base,
    {
      config: { role: reading },
      schema: { tags, body: createApiKeySchema, response: { 201: createdApiKeySchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { name, role } = request.body;
      const tenant = tenantFor(caller, request.body.tenant);
      const tier = grantableTier(caller, request.body.tier);
      if (!holds(caller.role, role))
        throw serverError('HS_AUTH_NOT_GRANTABLE', { subject: caller.subject, what: `the role ${role}` });
      const { key, keyId, secretHash } = newApiKey(secrets);
      const record = await apiKeys.create({
        ...{ tenant, keyId, name, role, tier, secretHash },
        owner: caller.subject,
        expiresInMs: lifetimeMs(caller, request.body),
      });
      void reply.code(201).header('location', `${base}/${keyId}`).header('cache-control', 'no-store');
      return { ...toApiKeyView(record), key };
    },
  );
}

function grantableTier({ subject, tier }: Principal, asked: Tier | undefined): Tier {
  const given = asked ?? tier ?? 'free';
  if (rankOf(given) > rankOf(tier)) throw serverError('HS_AUTH_NOT_GRANTABLE', { subject, what: `the tier ${given}` });
  return given;
}

/** A key that was made with a key does not outlive it. */
function lifetimeMs({ kind, expiresAt }: Principal, { expiresIn }: CreateApiKeyRequest): number | undefined {
  const asked = expiresIn === undefined ? undefined : durationMs(expiresIn);
  if (asked !== undefined && asked > longestMs)
    throw invalidRequest([{ pointer: '/expiresIn', detail: 'must be P3650D at most' }]);
  if (kind !== 'key' || expiresAt === undefined) return asked;
  return Math.min(asked ?? Number.POSITIVE_INFINITY, expiresAt - Date.now());
}

const ownerFilter = ({ role, subject }: Principal): string | null => (role === 'admin' ? null : subject);

function toApiKeyView(key: ApiKeyRecord): ApiKeyView {
  const { keyId, name, owner, role, tenant, tier, createdAt, expiresAt, lastUsedAt } = key;
  const text = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    ...{ keyId, name, owner, tenant },
    role: role as ApiKeyRole,
    tier: tiers.find((known) => known === tier) ?? 'free',
    createdAt: new Date(createdAt).toISOString(),
    expiresAt: text(expiresAt),
    lastUsedAt: text(lastUsedAt),
  };
}
