import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { canonicalJson } from '@hotswap/core';
import { callerOf } from '../auth/authorize.ts';
import { serverError } from '../error-codes.ts';
import { isWasmUpload } from '../modules/wasm-upload.ts';
import type { IdempotencyKeys, IdempotentRequest } from '../ports/idempotency-keys.ts';
import { isRefusedForNow } from './problem-details.ts';

/** An answer as it is kept. */
interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Of a request that took too long. What it began may still go on: nobody else has it until its claim has run out. */
const timedOut = 408;
const keptHeaders = ['content-type', 'location', 'etag'] as const;

/**
 * Carries out requests with an `Idempotency-Key` once: the same key and content get the stored answer for 24 hours.
 * Not kept are answers that a repeat may cure: those of 500 and above, and refusals that say so (`retryable`).
 * @internal
 */
export function answerRepeats(app: FastifyInstance, keys: IdempotencyKeys): void {
  const claims = new WeakMap<FastifyRequest, { readonly request: IdempotentRequest; readonly owner: string }>();
  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (key === undefined || request.routeOptions.config.idempotent !== true) return undefined;
    const identity = identityOf(request, key);
    const start = await keys.begin(identity);
    if (start.kind === 'started') {
      claims.set(request, { request: identity, owner: start.owner });
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
    if (reply.statusCode === timedOut) return payload;
    if (reply.statusCode >= 500 || isRefusedForNow(request) || typeof payload !== 'string') {
      await keys.abandon(claim.request, claim.owner);
      return payload;
    }
    const headers = Object.fromEntries(
      keptHeaders.flatMap((name) => (reply.hasHeader(name) ? [[name, String(reply.getHeader(name))]] : [])),
    );
    await keys.complete(claim.request, claim.owner, { status: reply.statusCode, headers, body: payload });
    return payload;
  });
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
