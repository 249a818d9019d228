import { errorFactory, type ErrorFactory } from '@hotswap/core';

/** Codes that the fakes raise: those of the contracts that they stand for. @internal */
export const fakeErrorCodes = {
  HS_STORE_NOT_FOUND: { message: 'There are no bytes with the digest {digest}', httpStatus: 404 },
  HS_STORE_DIGEST_MISMATCH: { message: 'The bytes have the digest {actual}, not {expected}', httpStatus: 400 },
  HS_STORE_TOO_LARGE: { message: 'More than {maxSizeBytes} bytes were sent', httpStatus: 413 },
  HS_RUNTIME_INVALID_MODULE: { message: 'The bytes are no WebAssembly module: {reason}', httpStatus: 422 },
  HS_RUNTIME_DIGEST_MISMATCH: { message: 'The bytes have the digest {actual}, not {expected}', httpStatus: 422 },
  HS_RUNTIME_UNSUPPORTED: { message: 'This host does not offer {feature}', httpStatus: 422 },
  HS_RUNTIME_LINK_FAILED: { message: 'The module imports what this host does not offer: {imports}', httpStatus: 422 },
  HS_RUNTIME_UNKNOWN_EXPORT: { message: '{export} is no callable function of the module', httpStatus: 404 },
  HS_RUNTIME_INVALID_ARGUMENT: { message: '{path} is not valid: expected {expected}', httpStatus: 400 },
  HS_RUNTIME_TRAP: { message: 'The module trapped: {trap}', httpStatus: 422 },
  HS_RUNTIME_NOT_A_COMMAND: { message: 'The module is no WASI command', httpStatus: 400 },
  HS_RUNTIME_STALE_HANDLE: { message: 'The instance is gone', httpStatus: 410 },
  HS_RUNTIME_CLOSED: { message: 'The {what} is closed', httpStatus: 503 },
  HS_RUNTIME_NO_SLOT: { message: 'There is no slot {slot}', httpStatus: 404 },
  HS_RUNTIME_NO_VERSION: { message: 'The slot {slot} does not serve {version}', httpStatus: 421, retryable: true },
} as const;

/** @internal */
export const fakeError: ErrorFactory<typeof fakeErrorCodes> = errorFactory(fakeErrorCodes);
