import type { FastifyInstance, FastifyRequest } from 'fastify';
import { serverError } from '../error-codes.ts';

const maxDepth = 100;

/**
 * Reads JSON bodies: UTF-8, not nested beyond {@link maxDepth}, without keys that reach prototypes. An empty body is
 * nothing at all, which routes without required fields take as `{}`.
 * @internal
 */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    (_request: FastifyRequest, body: Buffer, done) => {
      try {
        done(null, body.byteLength === 0 ? undefined : parseJson(body));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

/** @throws HS_API_INVALID_JSON @internal */
export function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw serverError('HS_API_INVALID_JSON', { why: 'it is not UTF-8' }, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw serverError('HS_API_INVALID_JSON', { why: (error as Error).message.slice(0, 200) }, error);
  }
  checkTree(value);
  return value;
}

/** Without recursion: a body made to exhaust the stack must not. */
function checkTree(root: unknown): void {
  const open: { readonly value: unknown; readonly depth: number }[] = [{ value: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, depth } = next;
    if (value === null || typeof value !== 'object') continue;
    if (depth >= maxDepth) throw serverError('HS_API_INVALID_JSON', { why: `it is nested deeper than ${maxDepth}` });
    if (!Array.isArray(value)) {
      if (Object.hasOwn(value, '__proto__'))
        throw serverError('HS_API_INVALID_JSON', { why: 'the key __proto__ is not allowed' });
      const made = Object.hasOwn(value, 'constructor') ? (value as { constructor: unknown }).constructor : undefined;
      if (made !== null && typeof made === 'object' && Object.hasOwn(made, 'prototype'))
        throw serverError('HS_API_INVALID_JSON', { why: 'the key constructor.prototype is not allowed' });
    }
    for (const member of Object.values(value)) open.push({ value: member, depth: depth + 1 });
  }
}
