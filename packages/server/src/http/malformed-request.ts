import { STATUS_CODES, type ServerResponse } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { problemMediaType } from '@hotswap/protocol';
import { serverError } from '../error-codes.ts';
import { toProblem } from './problem-details.ts';

/** Of a connection whose bytes cannot be read as a request; the parser's own codes. */
function problemOf(code: string | undefined): Error {
  if (code === 'HPE_HEADER_OVERFLOW') return serverError('HS_LIMIT_HEADER_SIZE', { limitBytes: maxHeaderBytes });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return serverError('HS_API_TIMEOUT');
  return serverError('HS_API_INVALID_REQUEST', { why: 'it is no HTTP request that can be understood' });
}

/** Head of a request, address included. @internal */
export const maxHeaderBytes: number = 16_384;

/**
 * Answers what never became a request. Nothing is written into an answer that has begun: its reader would take the problem
 * for a part of it.
 * @internal
 */
export function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const { _httpMessage: answering } = socket as { readonly _httpMessage?: ServerResponse | null };
  if (!socket.writable || answering?.headersSent === true) {
    socket.destroy();
    return;
  }
  const problem = toProblem(problemOf(error.code), randomUUID());
  const body = JSON.stringify(problem);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? 'Error'}`,
      `content-type: ${problemMediaType}`,
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${problem.requestId}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
