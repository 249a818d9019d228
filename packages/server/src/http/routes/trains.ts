import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { commandTrain, type Train, type TrainAnswer, type TrainChange, type TrainCommand } from '@hotswap/core';
import {
  apiBase,
  createTrainSchema,
  executeTrainSchema,
  simulateTrainRequestSchema,
  trainCommandSchema,
  trainListSchema,
  trainSimulationResultSchema,
  trainViewSchema,
  type TrainView,
} from '@hotswap/protocol';
import { callerOf } from '../../auth/authorize.ts';
import { administering, reading, writing } from '../../auth/principal.ts';
import { serverError } from '../../error-codes.ts';
import { readmitDeployment } from '../../interfaces/admit-deployment.ts';
import type { ServerParts } from '../../server-parts.ts';
import { admitTrain } from '../../trains/admit-train.ts';
import { createTrain } from '../../trains/create-train.ts';
import { findMember, trainMembers } from '../../trains/train-members.ts';
import { planTrain } from '../../trains/plan-train.ts';
import { toTrainView } from '../../trains/train-view.ts';
import type { App } from '../app-type.ts';
import { entityTag, requireMatch } from '../entity-tag.ts';
import { pageOf } from './modules.ts';

const base = `${apiBase}/trains`;
const tags = ['trains'];
const params = z.strictObject({ id: z.string().max(100) });
const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).optional(),
  cursor: z.string().max(500).optional(),
});

/** @internal */
export function trainRoutes(app: App, parts: ServerParts): void {
  creationRoute(app, parts);
  simulationRoute(app, parts);
  readingRoutes(app, parts);
  executeRoute(app, parts);
  backRoute(app, parts, 'abort');
  backRoute(app, parts, 'rollback');
}

function creationRoute(app: App, parts: ServerParts): void {
  app.post(
    base,
    {
      config: { role: writing, idempotent: true },
      schema: { tags, body: createTrainSchema, response: { 201: trainViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const trainId = await createTrain(parts, request.body, caller);
      parts.trainLoop.nudge();
      return answer(parts, await find(parts, caller.tenant, trainId), reply.code(201));
    },
  );
}

function simulationRoute(app: App, parts: ServerParts): void {
  app.post(
    `${base}/simulate`,
    {
      config: { role: writing },
      schema: { tags, body: simulateTrainRequestSchema, response: { 200: trainSimulationResultSchema } },
    },
    async (request) => planTrain(parts, request.body, callerOf(request)),
  );
}

function readingRoutes(app: App, parts: ServerParts): void {
  app.get(
    base,
    { config: { role: reading }, schema: { tags, querystring: listQuery, response: { 200: trainListSchema } } },
    async (request) => {
      const { items, nextCursor } = await parts.trains.list(callerOf(request).tenant, pageOf(request.query));
      // Each has up to 50 members: not those of a whole page at once.
      const trains: TrainView[] = [];
      for (const train of items) trains.push(await toTrainView(train, parts.deployments));
      return { trains, nextCursor };
    },
  );

  app.get(
    `${base}/:id`,
    { config: { role: reading }, schema: { tags, params, response: { 200: trainViewSchema } } },
    async (request) => toTrainView(await find(parts, callerOf(request).tenant, request.params.id), parts.deployments),
  );
}

function executeRoute(app: App, parts: ServerParts): void {
  app.post(
    `${base}/:id/execute`,
    {
      config: { role: administering, idempotent: true },
      schema: { tags, params, body: executeTrainSchema, response: { 202: trainViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const train = await find(parts, caller.tenant, request.params.id);
      requireMatch(request, trainTag(train), `train ${train.trainId}`);
      const wanted = changeBy(commandTrain(train, [], 'execute', { actor: caller.subject }), 'execute', train);
      if (wanted === null) return answer(parts, train, reply.code(202));
      await readmit(parts, train);
      const admission = await admitTrain(parts, train, caller, request.body.override?.reason);
      return change(parts, train, { ...wanted, ...admission }, 'execute', reply);
    },
  );
}

function backRoute(app: App, parts: ServerParts, command: 'abort' | 'rollback'): void {
  app.post(
    `${base}/:id/${command}`,
    {
      config: { role: command === 'abort' ? writing : administering, idempotent: true },
      schema: { tags, params, body: trainCommandSchema, response: { 202: trainViewSchema } },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const train = await find(parts, caller.tenant, request.params.id);
      requireMatch(request, trainTag(train), `train ${train.trainId}`);
      if (caller.role === 'developer' && train.author !== caller.subject)
        throw serverError('HS_AUTH_NOT_YOURS', { what: `Train ${train.trainId}` });
      const members = await trainMembers(parts.deployments, train);
      const { reason } = request.body;
      const wanted = changeBy(commandTrain(train, members, command, { actor: caller.subject, reason }), command, train);
      if (wanted === null) return answer(parts, train, reply.code(202));
      return change(parts, train, wanted, command, reply);
    },
  );
}

/** Nodes, registry and consumers may have changed since; each member is checked against what serves when its turn comes. */
async function readmit(parts: ServerParts, train: Train): Promise<void> {
  for (const [n, { deploymentId }] of train.members.entries()) {
    const record = await findMember(parts.deployments, train, deploymentId);
    const ahead = train.members.slice(0, n).map(({ moduleName: name, moduleId }) => ({ name, moduleId }));
    if (record !== null) await readmitDeployment(parts, record.spec, ahead);
  }
}

/** @throws HS_DEPLOYMENT_TRAIN_REFUSED */
function changeBy(given: TrainAnswer, command: TrainCommand, { status }: Train): TrainChange | null {
  if ('change' in given) return given.change;
  throw serverError('HS_DEPLOYMENT_TRAIN_REFUSED', { command, status, why: given.refused });
}

async function change(
  parts: ServerParts,
  train: Train,
  wanted: TrainChange,
  command: TrainCommand,
  reply: FastifyReply,
): Promise<TrainView> {
  const changed = await parts.trains.update(train, wanted, `train.${command}`);
  if (changed === null) throw serverError('HS_API_STALE', { what: `train ${train.trainId}` });
  parts.trainLoop.nudge();
  return answer(parts, changed, reply.code(202));
}

async function find({ trains }: ServerParts, tenant: string, trainId: string): Promise<Train> {
  const train = await trains.find(tenant, trainId);
  if (train === null) throw serverError('HS_DEPLOYMENT_TRAIN_NOT_FOUND', { trainId });
  return train;
}

const trainTag = ({ trainId, revision }: Train): string => entityTag({ trainId, revision });

async function answer({ deployments }: ServerParts, train: Train, reply: FastifyReply): Promise<TrainView> {
  void reply.header('location', `${base}/${encodeURIComponent(train.trainId)}`).header('etag', trainTag(train));
  return toTrainView(train, deployments);
}
