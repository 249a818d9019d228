import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { hotSwapError, isApprover, type DeploymentCommand, type DeploymentCommandOptions } from '@hotswap/core';
import {
  apiBase,
  approvalSchema,
  commandSchema,
  createDeploymentSchema,
  deploymentListQuerySchema,
  deploymentListSchema,
  deploymentViewSchema,
  executeSchema,
  journalViewSchema,
  rollbackSchema,
  simulateRequestSchema,
  simulationResultSchema,
  type DeploymentView,
} from '@hotswap/protocol';
import { callerOf, forbidden } from '../../auth/authorize.ts';
import { administering, reading, writing, type Principal, type Role } from '../../auth/principal.ts';
import { createDeployment } from '../../deployments/create-deployment.ts';
import { DeploymentStream } from '../../deployments/deployment-stream.ts';
import { deploymentTag, toDeploymentView } from '../../deployments/deployment-view.ts';
import { JournalTeller } from '../../deployments/explain-entry.ts';
import { planDeployment } from '../../deployments/plan-deployment.ts';
import { requireRollbackTarget } from '../../deployments/rollback-target.ts';
import { serverError } from '../../error-codes.ts';
import { readmitDeployment } from '../../interfaces/admit-deployment.ts';
import { isOvertaken } from '../../policy/undone-deployment.ts';
import type { DeploymentRecord } from '../../ports/deployment-list.ts';
import type { ServerParts } from '../../server-parts.ts';
import type { App } from '../app-type.ts';
import { heldToSeen, requireMatch } from '../entity-tag.ts';
import { pageOf } from './modules.ts';

const base = `${apiBase}/deployments`;
const tags = ['deployments'];
const params = z.strictObject({ id: z.string().max(100) });
const journalQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  cursor: z
    .string()
    .regex(/^\d{1,9}$/, 'is not one that this list has given out')
    .optional(),
});

/** Who may give which command besides those of approvers; developers only for their own deployments. */
const commandRoles: Readonly<
  Record<Exclude<DeploymentCommand, 'approve' | 'reject' | 'execute' | 'rollback'>, readonly Role[]>
> = {
  pause: writing,
  resume: writing,
  promote: writing,
  retry: writing,
  abort: writing,
};

/** @internal */
export function deploymentRoutes(app: App, parts: ServerParts): void {
  creationRoute(app, parts);
  simulationRoute(app, parts);
  readingRoutes(app, parts);
  journalRoutes(app, parts);
  executeRoute(app, parts);
  for (const command of ['approve', 'reject'] as const) approvalRoute(app, parts, command);
  rollbackRoute(app, parts);
  for (const command of Object.keys(commandRoles) as (keyof typeof commandRoles)[]) commandRoute(app, parts, command);
}

function creationRoute(app: App, parts: ServerParts): void {
  app.post(
    base,
    {
      config: { role: writing, idempotent: true },
      schema: { tags, body: createDeploymentSchema, response: { 201: deploymentViewSchema } },
    },
    async (request, reply): Promise<DeploymentView> => {
      const caller = callerOf(request);
      const { deploymentId } = await createDeployment(parts, request.body, caller);
      return answer(parts, caller.tenant, deploymentId, reply.code(201));
    },
  );
}

function simulationRoute(app: App, parts: ServerParts): void {
  app.post(
    `${base}/simulate`,
    {
      config: { role: writing },
      schema: { tags, body: simulateRequestSchema, response: { 200: simulationResultSchema } },
    },
    async (request) => planDeployment(parts, request.body, callerOf(request)),
  );
}

function readingRoutes(app: App, parts: ServerParts): void {
  app.get(
    base,
    {
      config: { role: reading },
      schema: { tags, querystring: deploymentListQuerySchema, response: { 200: deploymentListSchema } },
    },
    async (request) => {
      const { status, ...query } = pageOf(request.query);
      const { items, nextCursor } = await parts.deployments.list(callerOf(request).tenant, {
        ...query,
        ...(status === undefined ? {} : { statuses: [status] }),
      });
      return { deployments: items.map((record) => toDeploymentView(record)), nextCursor };
    },
  );

  app.get(
    `${base}/:id`,
    { config: { role: reading }, schema: { tags, params, response: { 200: deploymentViewSchema } } },
    async (request, reply) => {
      const { tenant } = callerOf(request);
      const deploymentId = request.params.id;
      const record = await find(parts, tenant, deploymentId);
      void reply.header('etag', deploymentTag(record));
      const hasEnded = record.summary.status === 'Completed' || record.summary.status === 'PartiallyCompleted';
      return toDeploymentView(
        record,
        record.targetCount > 0 ? await parts.deployments.nodes(tenant, deploymentId) : [],
        hasEnded ? await parts.catchUps.outstanding(tenant, { deploymentId }) : [],
      );
    },
  );
}

function journalRoutes(app: App, parts: ServerParts): void {
  app.get(
    `${base}/:id/journal`,
    {
      config: { role: reading },
      schema: { tags, params, querystring: journalQuery, response: { 200: journalViewSchema } },
    },
    async (request) => {
      const { tenant } = callerOf(request);
      await find(parts, tenant, request.params.id);
      const { limit, cursor } = request.query;
      const entries = await parts.journal.read(tenant, request.params.id);
      const from = cursor === undefined ? 0 : Number(cursor) + 1;
      const shown = entries.slice(from, from + limit);
      const teller = new JournalTeller();
      teller.hear(entries.slice(0, from));
      return {
        entries: shown.map((entry) => teller.tell(entry)),
        nextCursor: entries.length > from + limit ? String(shown.at(-1)?.seq) : null,
      };
    },
  );

  app.get(`${base}/:id/events`, { config: { role: reading }, schema: { tags, params } }, async (request, reply) => {
    const { tenant } = callerOf(request);
    const { id } = request.params;
    await find(parts, tenant, id);
    const lastId = request.headers['last-event-id'];
    const afterSeq = typeof lastId === 'string' && /^\d{1,9}$/.test(lastId) ? Number(lastId) : -1;
    new DeploymentStream(parts, { tenant, deploymentId: id, afterSeq }, parts.streams.open(request, reply)).start();
    return reply;
  });
}

function executeRoute(app: App, parts: ServerParts): void {
  app.post(
    `${base}/:id/execute`,
    {
      config: { role: administering, idempotent: true },
      schema: { tags, params, body: executeSchema, response: { 202: deploymentViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { id } = request.params;
      const record = await find(parts, caller.tenant, id);
      const seen = seenBy(request, record);
      const { approvedBy, override } = request.body;
      checkApprover(caller, approvedBy);
      if (isUntouched(record)) await readmitDeployment(parts, record.spec);
      await command(parts, caller, record, 'execute', {
        ...{ ...seen, actorRole: caller.role },
        isOvertaken: await isOvertaken(parts.deployments, record.spec),
        ...(override === undefined ? {} : { overrideReason: override.reason }),
      });
      parts.loop.nudge(caller.tenant, id);
      return answer(parts, caller.tenant, id, reply.code(202));
    },
  );
}

/** Whether this would be the first run: repeats only return it. */
function isUntouched({ summary }: DeploymentRecord): boolean {
  return summary.status === 'Pending' || summary.status === 'PendingApproval';
}

/** The approver is the caller, whatever the body says (D-3). */
function checkApprover({ subject }: Principal, approvedBy: string | undefined): void {
  if (approvedBy !== undefined && approvedBy !== subject)
    throw serverError('HS_AUTH_APPROVER_MISMATCH', { approvedBy, subject });
}

/**
 * Admins, and whoever the rule names that the deployment was created under. Before anything of the body is read, as with
 * all routes.
 */
async function admitApprover({ deployments }: ServerParts, request: FastifyRequest): Promise<void> {
  const caller = callerOf(request);
  if (caller.role === 'admin') return;
  const { id } = request.params as { readonly id: string };
  const spec = (await deployments.find(caller.tenant, id))?.spec;
  if (spec?.approvals?.approvers === undefined || !isApprover(spec, caller)) throw forbidden(caller, 'admin');
}

function approvalRoute(app: App, parts: ServerParts, decision: 'approve' | 'reject'): void {
  app.post(
    `${base}/:id/${decision}`,
    {
      config: { role: writing, idempotent: true },
      onRequest: (request) => admitApprover(parts, request),
      schema: { tags, params, body: approvalSchema, response: { 202: deploymentViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { id } = request.params;
      const { approvedBy, ...options } = request.body;
      const record = await find(parts, caller.tenant, id);
      const seen = seenBy(request, record);
      checkApprover(caller, approvedBy);
      await command(parts, caller, record, decision, { ...options, ...seen, actorRole: caller.role });
      parts.loop.nudge(caller.tenant, id);
      return answer(parts, caller.tenant, id, reply.code(202));
    },
  );
}

function rollbackRoute(app: App, parts: ServerParts): void {
  app.post(
    `${base}/:id/rollback`,
    {
      config: { role: administering, idempotent: true },
      schema: { tags, params, body: rollbackSchema, response: { 202: deploymentViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { tenant } = caller;
      const { id } = request.params;
      const record = await find(parts, tenant, id);
      const seen = seenBy(request, record);
      const { toReleaseId, regions } = request.body;
      if (toReleaseId !== undefined) await requireRollbackTarget(parts, record, { toReleaseId, regions });
      await command(parts, caller, record, 'rollback', { ...request.body, ...seen });
      parts.loop.nudge(tenant, id);
      return answer(parts, tenant, id, reply.code(202));
    },
  );
}

function commandRoute(app: App, parts: ServerParts, name: keyof typeof commandRoles): void {
  app.post(
    `${base}/:id/${name}`,
    {
      config: { role: commandRoles[name], idempotent: true },
      schema: { tags, params, body: commandSchema, response: { 202: deploymentViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { tenant, subject, role } = caller;
      const { id } = request.params;
      const record = await find(parts, tenant, id);
      if (role === 'developer' && record.spec.author !== subject)
        throw serverError('HS_AUTH_NOT_YOURS', { what: `Deployment ${id}` });
      const seen = seenBy(request, record);
      await command(parts, caller, record, name, {
        ...{ ...request.body, ...seen },
        isOvertaken: await isOvertaken(parts.deployments, record.spec),
      });
      parts.loop.nudge(tenant, id);
      return answer(parts, tenant, id, reply.code(202));
    },
  );
}

/** What a command is held to. @throws HS_API_STALE */
function seenBy(request: FastifyRequest, record: DeploymentRecord): Pick<DeploymentCommandOptions, 'ifHead'> {
  const isHeld = requireMatch(request, deploymentTag(record), `deployment ${record.spec.deploymentId}`);
  return isHeld ? { ifHead: record.head } : {};
}

async function command(
  { engine }: ServerParts,
  { tenant, subject }: Principal,
  { spec: { deploymentId } }: DeploymentRecord,
  name: DeploymentCommand,
  options: DeploymentCommandOptions,
): Promise<void> {
  await heldToSeen(`deployment ${deploymentId}`, () => engine.command(tenant, deploymentId, name, subject, options));
}

async function find({ deployments }: ServerParts, tenant: string, deploymentId: string): Promise<DeploymentRecord> {
  const record = await deployments.find(tenant, deploymentId);
  if (record === null) throw hotSwapError('HS_DEPLOYMENT_NOT_FOUND', { deploymentId });
  return record;
}

async function answer(
  parts: ServerParts,
  tenant: string,
  deploymentId: string,
  reply: FastifyReply,
): Promise<DeploymentView> {
  const record = await find(parts, tenant, deploymentId);
  void reply.header('location', `${base}/${encodeURIComponent(deploymentId)}`).header('etag', deploymentTag(record));
  return toDeploymentView(record);
}
