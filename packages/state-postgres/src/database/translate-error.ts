import { isHotSwapError } from '@hotswap/core';
import { stateError } from '../error-codes.ts';

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
/** Connection lost, too many connections, shutting down, starting up, out of disk or memory, read-only. */
const unavailableStates = /^(08|53|57P0|58|25006)/;

/** The five-character state or network code of a driver's error; both drivers set it, their classes differ. @internal */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Whether the database gave a transaction up that is likely to go through when repeated. @internal */
export function isTransient(error: unknown): boolean {
  const code = errorCode(error);
  return code === '40001' || code === '40P01';
}

/** Whether the connection is gone; what was being done on it may or may not have been done. @internal */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code !== undefined) return networkCodes.has(code) || /^(08|57P0)/.test(code);
  return (
    error instanceof Error &&
    /connection (?:terminated|ended)|not queryable|client has encountered/i.test(error.message)
  );
}

/**
 * What a caller of this package sees of a driver's error: a code, no SQL. The original is the cause. Errors of other
 * origin, such as those that a transaction's work throws, stay what they are.
 * @internal
 */
export function translateError(error: unknown): unknown {
  if (isHotSwapError(error)) return error;
  const code = errorCode(error);
  const name = (error as { readonly name?: unknown } | null)?.name;
  if (code === '22021' || code === '22P05') return stateError('HS_STORE_INVALID_TEXT', {}, error);
  if (name === 'KnexTimeoutError' || name === 'TimeoutError')
    return stateError('HS_STORE_UNAVAILABLE', { why: 'no connection became free in time' }, error);
  if (code !== undefined && (networkCodes.has(code) || unavailableStates.test(code)))
    return stateError('HS_STORE_UNAVAILABLE', { why: code }, error);
  if (isConnectionLoss(error)) return stateError('HS_STORE_UNAVAILABLE', { why: 'connection lost' }, error);
  return code === undefined ? error : stateError('HS_STORE_QUERY_FAILED', { why: code }, error);
}
