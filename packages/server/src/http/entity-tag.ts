import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { canonicalJson, isHotSwapError } from '@hotswap/core';
import { serverError } from '../error-codes.ts';

/** A strong tag of whatever identifies a resource's state. @internal */
export function entityTag(state: unknown): string {
  const text = typeof state === 'string' ? state : canonicalJson(state);
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
}

/**
 * Holds a change to the state that the caller has seen. What is read can change before it is written: where the answer is
 * `true`, the write itself is to be held to that state, by {@link heldToSeen}.
 * @throws HS_API_STALE when `If-Match` names another one
 * @internal
 */
export function requireMatch(request: FastifyRequest, tag: string, what: string): boolean {
  const given = request.headers['if-match'];
  if (given === undefined || given.trim() === '*') return false;
  if (!given.split(',').some((one) => one.trim() === tag)) throw serverError('HS_API_STALE', { what });
  return true;
}

/** Carries out a write that its store holds to a state. @throws HS_API_STALE when it is another one by then @internal */
export async function heldToSeen<Result>(what: string, write: () => Promise<Result>): Promise<Result> {
  try {
    return await write();
  } catch (error) {
    if (isHotSwapError(error, 'HS_STORE_STALE') || isHotSwapError(error, 'HS_DEPLOYMENT_STALE'))
      throw serverError('HS_API_STALE', { what });
    throw error;
  }
}

/** Whether the caller has that state already. @internal */
export function hasAlready(request: FastifyRequest, tag: string): boolean {
  const known = request.headers['if-none-match'];
  return known !== undefined && known.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}

/** Answers 304 to readers who have the tagged state already. @internal */
export function answerNotModified(app: FastifyInstance): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    const tag = reply.getHeader('etag');
    if (
      request.method !== 'GET' ||
      reply.statusCode !== 200 ||
      typeof payload !== 'string' ||
      typeof tag !== 'string' ||
      !hasAlready(request, tag)
    ) {
      done(null, payload);
      return;
    }
    void reply.code(304).removeHeader('content-length').removeHeader('content-type');
    done(null, '');
  });
}
