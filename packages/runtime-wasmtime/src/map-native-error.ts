import type { ErrorDetails, HotSwapError } from '@hotswap/core';
import type { NativeErrorCode, NativeFailure } from '../binding.d.ts';
import { type RuntimeErrorCode, runtimeError } from './error-codes.ts';
import { valueToJson } from './value-to-json.ts';

/** What each code of the Rust table is called outside. A parity test holds the two tables together. @internal */
export const codeOfNative: Readonly<Record<NativeErrorCode, RuntimeErrorCode>> = {
  INVALID_MODULE: 'HS_RUNTIME_INVALID_MODULE',
  DIGEST_MISMATCH: 'HS_RUNTIME_DIGEST_MISMATCH',
  MODULE_TOO_LARGE: 'HS_RUNTIME_MODULE_TOO_LARGE',
  UNSUPPORTED: 'HS_RUNTIME_UNSUPPORTED',
  COMPILE_FAILED: 'HS_RUNTIME_COMPILE_FAILED',
  LINK_FAILED: 'HS_RUNTIME_LINK_FAILED',
  START_FAILED: 'HS_RUNTIME_START_FAILED',
  UNKNOWN_EXPORT: 'HS_RUNTIME_UNKNOWN_EXPORT',
  UNKNOWN_SLOT: 'HS_RUNTIME_NO_SLOT',
  UNKNOWN_VERSION: 'HS_RUNTIME_NO_VERSION',
  INVALID_ARGUMENT: 'HS_RUNTIME_INVALID_ARGUMENT',
  GUEST_ERROR: 'HS_RUNTIME_GUEST_ERROR',
  TRAP: 'HS_RUNTIME_TRAP',
  TIMEOUT: 'HS_RUNTIME_TIMEOUT',
  MEMORY_LIMIT: 'HS_RUNTIME_MEMORY_LIMIT',
  TABLE_LIMIT: 'HS_RUNTIME_TABLE_LIMIT',
  INSTANCE_LIMIT: 'HS_RUNTIME_INSTANCE_LIMIT',
  INPUT_LIMIT: 'HS_RUNTIME_INPUT_LIMIT',
  OUTPUT_LIMIT: 'HS_RUNTIME_OUTPUT_LIMIT',
  FUEL_EXHAUSTED: 'HS_RUNTIME_FUEL_EXHAUSTED',
  COMPILE_LIMIT: 'HS_RUNTIME_COMPILE_LIMIT',
  CANCELLED: 'HS_RUNTIME_CANCELLED',
  STATE_REFUSED: 'HS_RUNTIME_STATE_REFUSED',
  QUEUE_FULL: 'HS_RUNTIME_QUEUE_FULL',
  BUSY: 'HS_RUNTIME_BUSY',
  STALE_HANDLE: 'HS_RUNTIME_STALE_HANDLE',
  CLOSED: 'HS_RUNTIME_CLOSED',
  NOT_SYNCHRONOUS: 'HS_RUNTIME_NOT_SYNCHRONOUS',
  SIGNAL_HANDLER_REPLACED: 'HS_RUNTIME_SIGNAL_HANDLER_REPLACED',
  CACHE_UNUSABLE: 'HS_RUNTIME_CACHE_UNUSABLE',
  LISTEN_FAILED: 'HS_RUNTIME_LISTEN_FAILED',
  IO_FAILED: 'HS_RUNTIME_IO_FAILED',
  INTERNAL: 'HS_RUNTIME_INTERNAL',
};

/** Details that name places of this machine stay here: an error may reach a remote caller. */
const privateDetails = new Set(['directory', 'path']);

/**
 * Turns what the addon threw or completed with into the project's error. The raw `err` value of a guest is the cause, its
 * JSON form is in the details.
 * @internal
 */
export function mapNativeError(failure: unknown): HotSwapError {
  if (!isNativeFailure(failure))
    return runtimeError(
      'HS_RUNTIME_INTERNAL',
      { reason: failure instanceof Error ? failure.message : String(failure) },
      failure,
    );
  const code = codeOfNative[failure.code];
  const details = { reason: failure.message, ...detailsOf(failure) };
  if (code === 'HS_RUNTIME_GUEST_ERROR')
    return runtimeError(code, { payload: valueToJson(failure.payload) }, failure.payload);
  if (code === 'HS_RUNTIME_CLOSED') return runtimeError(code, { what: 'runtime host', ...details });
  return runtimeError(code, details);
}

function detailsOf({ code, detailsJson }: NativeFailure): ErrorDetails {
  if (detailsJson === undefined || detailsJson === '') return {};
  const all = Object.entries(JSON.parse(detailsJson) as ErrorDetails);
  if (code !== 'INVALID_ARGUMENT') return Object.fromEntries(all.filter(([name]) => !privateDetails.has(name)));
  // The path of an argument is no path of a file.
  return Object.fromEntries(
    all.map(([name, value]) => [name, name === 'path' && typeof value === 'string' ? optionOf(value) : value]),
  );
}

/** What the addon calls a policy are the options of `load`, and its folders have another name there. */
const optionOf = (path: string): string => path.replace(/^policy\./, '').replace(/^wasi\.preopens\b/, 'wasi.dirs');

function isNativeFailure(value: unknown): value is NativeFailure {
  return (
    value !== null &&
    typeof value === 'object' &&
    Object.hasOwn(codeOfNative, (value as { code?: PropertyKey }).code ?? '')
  );
}
