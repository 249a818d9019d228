import type { FastifyReply } from 'fastify';
import { policyChanges, type Policy, type StoredPolicy } from '@hotswap/core';
import { policyViewSchema, putPolicySchema, type PolicyView } from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { administering } from '../../auth/principal.ts';
import { serverError } from '../../error-codes.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { entityTag, requireMatch } from '../entity-tag.ts';
import { invalidRequest } from '../validate-request.ts';

const path = '/api/v1/policy';
const tags = ['policy'];
const what = 'The policy';

/** @internal */
export function policyRoutes(app: App, parts: ServerParts): void {
  const { policies } = parts;
  app.get(
    path,
    { config: { role: administering }, schema: { tags, response: { 200: policyViewSchema } } },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      return answer(tenant, await policies.read(tenant), reply);
    },
  );

  app.put(
    path,
    {
      config: { role: administering },
      // `{}` has no rules; a body that got lost must not mean that.
      preValidation: (request, _reply, done) =>
        done((request.body ?? null) === null ? invalidRequest([{ pointer: '', detail: 'is missing' }]) : undefined),
      schema: { tags, body: putPolicySchema, response: { 200: policyViewSchema } },
    },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      const { revision, ...policy } = request.body;
      const before = await policies.read(tenant);
      requireMatch(request, tagOf(tenant, before), what);
      if (revision !== undefined && revision !== before.revision) throw serverError('HS_API_STALE', { what });
      refuseVainAuthors(parts, policy);
      const changes = policyChanges(before.policy, policy);
      if (changes.length === 0) return answer(tenant, before, reply);
      const stored = await policies.replace(tenant, before.revision, policy, changes);
      if (stored === null) throw serverError('HS_API_STALE', { what });
      return answer(tenant, stored, reply);
    },
  );
}

/**
 * Where the server itself wants somebody else to approve, a rule that lets authors do it would promise what does not hold.
 * @throws HS_API_INVALID_REQUEST
 */
function refuseVainAuthors({ config, policies }: ServerParts, policy: Policy): void {
  const rule = config.requireApproval ? policies.ruleOf(policy) : undefined;
  if (rule?.allowAuthor !== true) return;
  const key = policy.approvals[config.environment] === undefined ? '*' : config.environment;
  const detail = `must not be true in ${config.environment}: requireApproval of the server's configuration wants somebody else`;
  const pointer = `/approvals/${key}/allowAuthor`;
  throw invalidRequest([{ pointer, detail }]);
}

const tagOf = (tenant: string, { revision }: StoredPolicy): string => entityTag({ tenant, policy: revision });

function answer(tenant: string, stored: StoredPolicy, reply: FastifyReply): PolicyView {
  void reply.header('etag', tagOf(tenant, stored));
  return { ...stored.policy, revision: stored.revision };
}
