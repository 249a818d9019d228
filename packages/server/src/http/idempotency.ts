import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { canonicalJson } from '@hotswap/core';
import { callerOf } from '../auth/authorize.ts';
import { serverError } from '../error-codes.ts';
import { RunningClaim } from './running-claim.ts';
import { isWasmUpload } from '../modules/wasm-upload.ts';
import type { IdempotencyKeys, IdempotentRequest } from '../ports/idempotency-keys.ts';
import { isRefusedForNow } from './problem-details.ts';

/** An answer as it is kept. */
interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Of a request that took too long. What it began goes on: the key is its own until that has ended. */
const timedOut = 408;
const keptHeaders = ['content-type', 'location', 'etag'] as const;

/**
 * Carries out requests with an `Idempotency-Key` once: the same key and content get the stored answer for 24 hours.
 * Not kept are answers that a repeat may cure: those of 500 and above, and refusals that say so (`retryable`). While a
 * request is carried out its claim on the key is renewed, however long that takes; what it comes to after its caller was
 * told that it takes too long is what a repeat gets.
 * @internal
 */
export function answerRepeats(app: FastifyInstance, keys: IdempotencyKeys): void {
  const claims = new WeakMap<FastifyRequest, RunningClaim>();
  app.addHook('onRoute', (route) => {
    if (route.config?.idempotent !== true) return;
    const { handler } = route;
    route.handler = function (request, reply) {
      const work: unknown = handler.call(this, request, reply);
      void claims.get(request)?.follow(work, (outcome) => lateAnswer(outcome, reply));
      return work;
    };
  });
  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (key === undefined || request.routeOptions.config.idempotent !== true) return undefined;
    const identity = identityOf(request, key);
    const start = await keys.begin(identity);
    if (start.kind === 'started') {
      const claim = new RunningClaim(keys, identity, start.owner);
      // The caller was answered while the key was looked up, so nothing will be carried out.
      if (reply.sent) await claim.abandon();
      else claims.set(request, claim);
      return undefined;
    }
    if (start.kind === 'running') throw serverError('HS_API_IDEMPOTENCY_RUNNING');
    if (start.kind === 'mismatch') throw serverError('HS_API_IDEMPOTENCY_MISMATCH');
    const answer = start.answer as unknown as KeptAnswer;
    return reply
      .code(answer.status)
      .headers(answer.headers)
      .header('idempotency-replayed', 'true')
      .serializer(String)
      .send(answer.body);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const claim = claims.get(request);
    if (claim === undefined) return payload;
    claims.delete(request);
    if (reply.statusCode === timedOut) await claim.outlive();
    else if (reply.statusCode >= 500 || isRefusedForNow(request) || typeof payload !== 'string') await claim.abandon();
    else await claim.complete(answerOf(reply, payload));
    return payload;
  });
}

function answerOf(reply: FastifyReply, body: string): KeptAnswer {
  const headers = Object.fromEntries(
    keptHeaders.flatMap((name) => (reply.hasHeader(name) ? [[name, String(reply.getHeader(name))]] : [])),
  );
  return { status: reply.statusCode, headers, body };
}

/** What the caller would have got in time. `null`: the handler has not left that to its result. */
function lateAnswer(outcome: unknown, reply: FastifyReply): KeptAnswer | null {
  if (outcome === undefined || outcome === reply) return null;
  const { status, headers, body } = answerOf(reply, JSON.stringify(outcome));
  return {
    // What was said in the end is the status of the answer that came too late, unless the handler has set its own.
    status: status === timedOut ? 200 : status,
    headers: { ...headers, 'content-type': 'application/json; charset=utf-8' },
    body,
  };
}

function identityOf(request: FastifyRequest, header: string | string[]): IdempotentRequest {
  const key = typeof header === 'string' ? header.trim() : '';
  if (!/^[\x21-\x7e]{1,200}$/.test(key)) {
    throw serverError('HS_API_INVALID_REQUEST', {
      why: 'Idempotency-Key must be 1-200 visible ASCII characters',
      errors: [{ pointer: '/headers/idempotency-key', detail: 'must be 1-200 visible ASCII characters' }],
    });
  }
  const { tenant, subject } = callerOf(request);
  const content = isWasmUpload(request.body) ? request.body.digest : canonicalJson(request.body ?? null);
  const requestHash = createHash('sha256').update(`${request.method} ${request.url}\n${content}`).digest('hex');
  return { tenant, principal: subject, key, requestHash };
}
