import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isHotSwapError, type HotSwapError, type Json } from '@hotswap/core';
import { problemMediaType, problemTypeBase, type ProblemDetails } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';

const defaultRetryAfterSeconds = 1;
const refusedForNow = new WeakSet<FastifyRequest>();

/** Whether a request was refused for a reason that passes: the same request may succeed later. @internal */
export function isRefusedForNow(request: FastifyRequest): boolean {
  return refusedForNow.has(request);
}

/** Answers every failure with a problem document; what really happened goes to the log alone. @internal */
export function answerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: Error, request, reply) => sendProblem(error, request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      serverError('HS_API_NOT_FOUND', { method: request.method, path: request.url.split('?')[0]?.slice(0, 200) ?? '' }),
      request,
      reply,
    ),
  );
}

/** The problem document of anything thrown. @internal */
export function toProblem(thrown: unknown, requestId: string): ProblemDetails {
  const error = toHotSwapError(thrown, requestId);
  const { errors, ...details } = error.details;
  const shown = Object.fromEntries(
    Object.entries(details).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
  return {
    type: `${problemTypeBase}${error.code}`,
    title: STATUS_CODES[error.httpStatus] ?? 'Error',
    status: error.httpStatus,
    detail: error.message,
    code: error.code,
    requestId,
    ...(Array.isArray(errors) ? { errors: errors } : {}),
    ...(Object.keys(shown).length === 0 ? {} : { details: shown }),
    ...(error.retryable ? { retryable: true } : {}),
  };
}

function sendProblem(error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request.id);
  if (problem.status >= 500 && problem.status !== 503)
    request.log.error({ err: error, code: problem.code }, 'request failed');
  else request.log.debug({ code: problem.code, status: problem.status }, 'request refused');
  if (problem.retryable === true) refusedForNow.add(request);
  if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
  if (problem.status === 503 || problem.status === 429) {
    const asked = problem.details?.['retryAfterSeconds'];
    void reply.header('retry-after', String(typeof asked === 'number' ? asked : defaultRetryAfterSeconds));
  }
  return reply
    .code(problem.status)
    .header('content-type', problemMediaType)
    .header('cache-control', 'no-store')
    .serializer(JSON.stringify)
    .send(problem);
}

function toHotSwapError(thrown: unknown, requestId: string): HotSwapError {
  if (isHotSwapError(thrown)) return isShown(thrown) ? thrown : serverError('HS_API_INTERNAL', { requestId }, thrown);
  return thrown instanceof Error
    ? fromFramework(thrown as FastifyError, requestId)
    : serverError('HS_API_INTERNAL', { requestId }, thrown);
}

/** Faults of the server itself tell callers nothing but where to look. */
function isShown(error: HotSwapError): boolean {
  return error.httpStatus !== 500 && error.httpStatus >= 400 && error.httpStatus < 600;
}

function fromFramework(error: FastifyError, requestId: string): HotSwapError {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return serverError('HS_LIMIT_BODY_SIZE', { limitBytes: limitOf(error) });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return serverError('HS_API_UNSUPPORTED_MEDIA_TYPE', { what: 'This content type', accepted: 'application/json' });
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return serverError('HS_API_INVALID_JSON', { why: 'it is empty' });
    case 'FST_ERR_HANDLER_TIMEOUT':
      return serverError('HS_API_TIMEOUT');
    default:
      break;
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return serverError('HS_API_INVALID_REQUEST', { why: clientText(error) });
  return status === 503
    ? serverError('HS_API_UNAVAILABLE', { state: 'stopping' })
    : serverError('HS_API_INTERNAL', { requestId }, error);
}

/** The framework's own texts on malformed requests are safe to show; anything else is not known to be. */
function clientText(error: FastifyError): string {
  return typeof error.code === 'string' && error.code.startsWith('FST_') ? error.message : 'it cannot be understood';
}

const limitOf = (error: FastifyError & { limit?: unknown }): number =>
  typeof error.limit === 'number' ? error.limit : 0;
