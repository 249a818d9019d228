import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import type { ValidationIssue } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';

const prefixes: Readonly<Record<string, string>> = { querystring: '/query', params: '/params', headers: '/headers' };

/** Checks requests by the route's zod schemas; every mistake is named by its JSON pointer. @internal */
export const validateByZod: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const prefix = prefixes[httpPart ?? ''] ?? '';
  return (data: unknown) => {
    const read = schema.safeParse(httpPart === 'body' ? (data ?? {}) : data);
    if (read.success) return { value: read.data };
    return { error: invalidRequest(issuesOf(read.error, prefix)) };
  };
};

/** All mistakes of a zod error with their pointers below `prefix`. @internal */
export function issuesOf(error: z.ZodError, prefix: string): readonly ValidationIssue[] {
  return error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys')
      return [{ pointer: `${prefix}${pointerOf(issue.path)}`, detail: issue.message }];
    return issue.keys.map((key) => ({
      pointer: `${prefix}${pointerOf([...issue.path, key])}`,
      detail: 'there is no such field',
    }));
  });
}

/** @internal */
export function invalidRequest(errors: readonly ValidationIssue[]): Error {
  const why = errors
    .slice(0, 5)
    .map(({ pointer, detail }) => `${pointer === '' ? 'the body' : pointer} ${detail}`)
    .join('; ');
  return serverError('HS_API_INVALID_REQUEST', {
    why,
    errors: errors.map(({ pointer, detail }) => ({ pointer, detail })),
  });
}

const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
