import { type ErrorFactory, errorFactory } from '../errors/hotswap-error.ts';

/**
 * Codes that every runtime host may raise, whichever engine it drives; an adapter adds its own to them. Message
 * templates name what happened, why, and what to do next.
 * @public
 */
export const runtimeContractErrorCodes = {
  HS_RUNTIME_INVALID_MODULE: {
    message: 'The bytes are no WebAssembly module or component that can run here: {reason}',
    httpStatus: 422,
  },
  HS_RUNTIME_DIGEST_MISMATCH: {
    message: 'The bytes have the digest {actual}, not {expected}: fetch the module again',
    httpStatus: 422,
  },
  HS_RUNTIME_MODULE_TOO_LARGE: {
    message: 'The module has {sizeBytes} bytes, {limitBytes} are allowed: make it smaller or raise the limit',
    httpStatus: 413,
  },
  HS_RUNTIME_UNSUPPORTED: {
    message: 'The module or function needs {feature}, which this runtime does not offer',
    httpStatus: 422,
  },
  HS_RUNTIME_COMPILE_FAILED: { message: 'The module is valid but cannot be compiled: {reason}', httpStatus: 422 },
  HS_RUNTIME_LINK_FAILED: {
    message: 'The module imports what this host does not offer or its policy denies: {imports}',
    httpStatus: 422,
  },
  HS_RUNTIME_START_FAILED: { message: 'The module cannot be instantiated: {reason}', httpStatus: 422 },
  HS_RUNTIME_UNKNOWN_EXPORT: {
    message: '{export} does not name one callable function of the module: name one of {available}',
    httpStatus: 404,
  },
  HS_RUNTIME_NOT_A_COMMAND: {
    message:
      'The module is no WASI command: it exports neither _start nor wasi:cli/run. Call one of its functions instead',
    httpStatus: 400,
  },
  HS_RUNTIME_NO_SLOT: { message: 'There is no slot {slot} on this host', httpStatus: 404 },
  HS_RUNTIME_NO_VERSION: {
    message: 'The slot {slot} does not serve the version {version}: it has {held}',
    httpStatus: 421,
    retryable: true,
  },
  HS_RUNTIME_INVALID_ARGUMENT: { message: '{path} is not valid: expected {expected}', httpStatus: 400 },
  HS_RUNTIME_GUEST_ERROR: { message: 'The function answered with an error of its own: {payload}', httpStatus: 422 },
  HS_RUNTIME_TRAP: { message: 'The module trapped: {trap}', httpStatus: 422 },
  HS_RUNTIME_TIMEOUT: {
    message: 'The call was ended after {elapsedMs} ms: its limit {limit} is {limitMs} ms',
    httpStatus: 504,
    retryable: true,
  },
  HS_RUNTIME_MEMORY_LIMIT: {
    message: 'The module asked for more memory than its limit of {limitBytes} bytes',
    httpStatus: 422,
  },
  HS_RUNTIME_TABLE_LIMIT: {
    message: 'The module asked for {requestedElements} table elements, {limitElements} are allowed',
    httpStatus: 422,
  },
  HS_RUNTIME_FUEL_EXHAUSTED: {
    message: 'The call used up its {limitFuel} units of fuel: do less in one call, or raise `runtime.fuel`',
    httpStatus: 422,
  },
  HS_RUNTIME_COMPILE_LIMIT: {
    message: 'Compiling the module took more than it may ({limit}): {reason}',
    httpStatus: 422,
  },
  HS_RUNTIME_INSTANCE_LIMIT: { message: 'The module needs more instances than its limit of {limit}', httpStatus: 422 },
  HS_RUNTIME_INPUT_LIMIT: { message: 'The input has {sizeBytes} bytes, {limitBytes} are allowed', httpStatus: 413 },
  HS_RUNTIME_OUTPUT_LIMIT: {
    message: 'The result is larger than the {limitBytes} bytes that a call may produce',
    httpStatus: 422,
  },
  HS_RUNTIME_CANCELLED: { message: 'The call was cancelled by the {by}', httpStatus: 499, retryable: true },
  HS_RUNTIME_STATE_REFUSED: {
    message: 'The state of the module was not handed over, the old version goes on ({stage}): {reason}',
    httpStatus: 409,
  },
  HS_RUNTIME_QUEUE_FULL: {
    message: 'Too many calls wait in this {scope} ({limit}): send fewer at once or try again shortly',
    httpStatus: 503,
    retryable: true,
  },
  HS_RUNTIME_BUSY: {
    message: 'The instance is in a call: wait for it before calling it synchronously',
    httpStatus: 409,
    retryable: true,
  },
  HS_RUNTIME_STALE_HANDLE: { message: 'The {kind} is gone: {reason}', httpStatus: 410 },
  HS_RUNTIME_CLOSED: { message: 'The {what} is closed: open a new one', httpStatus: 503 },
  HS_RUNTIME_NOT_SYNCHRONOUS: {
    message: 'The function cannot run on the calling thread: {reason}. Use invoke instead',
    httpStatus: 400,
  },
  HS_RUNTIME_IO_FAILED: { message: 'The module file cannot be read: {reason}', httpStatus: 500, retryable: true },
  HS_RUNTIME_INTERNAL: { message: 'The runtime failed in a way that it does not know: {reason}', httpStatus: 500 },
} as const;

/** Union of the codes that every runtime may raise. @public */
export type RuntimeContractErrorCode = keyof typeof runtimeContractErrorCodes;

/** @internal */
export const runtimeContractError: ErrorFactory<typeof runtimeContractErrorCodes> =
  errorFactory(runtimeContractErrorCodes);
