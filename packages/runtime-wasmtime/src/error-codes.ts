import { type ErrorFactory, errorFactory, runtimeContractErrorCodes } from '@hotswap/core';

/**
 * Codes that only the Wasmtime runtime raises. Message templates name what happened, why, and what to do next.
 * @public
 */
export const wasmtimeErrorCodes = {
  HS_RUNTIME_NATIVE_MISSING: {
    message:
      'The native addon of @hotswap/runtime-wasmtime cannot be loaded on {platform}; tried {tried}. Install the platform package, build it with `npm run bootstrap` in a clone, or name a file in HOTSWAP_NATIVE_PATH',
    httpStatus: 500,
  },
  HS_RUNTIME_INVALID_OPTIONS: {
    message: 'The option {option} of the Wasmtime runtime is not valid: {why}',
    httpStatus: 500,
  },
  HS_RUNTIME_SIGNAL_HANDLER_REPLACED: {
    message:
      'Something in this process replaced the handler of {signal}, so that no guest can run safely: remove it, install it before this runtime starts, or use trapMode "explicit"',
    httpStatus: 503,
  },
  HS_RUNTIME_CACHE_UNUSABLE: {
    message: 'The cache of compiled code cannot be used: {reason}. Name another cacheDirectory, or false for none',
    httpStatus: 500,
  },
  HS_RUNTIME_LISTEN_FAILED: {
    message: 'Nothing can listen on {host}, port {port}: {reason}. Choose another port, or end what holds it',
    httpStatus: 500,
  },
  HS_RUNTIME_HTTP_BODY_INCOMPLETE: { message: 'The body of the request ended early: {reason}', httpStatus: 400 },
  HS_RUNTIME_HTTP_HANDLER_FAILED: {
    message: 'The request could not be answered: the reason is in the log of the host',
    httpStatus: 500,
  },
} as const;

/** Everything that the Wasmtime runtime raises: the codes of the contract, and its own. @public */
export const runtimeErrorCodes: typeof runtimeContractErrorCodes & typeof wasmtimeErrorCodes = {
  ...runtimeContractErrorCodes,
  ...wasmtimeErrorCodes,
};

/** Union of the codes of the Wasmtime runtime. @public */
export type RuntimeErrorCode = keyof typeof runtimeErrorCodes;

/** Errors with the codes that this package declares. @internal */
export const runtimeError: ErrorFactory<typeof runtimeErrorCodes> = errorFactory(runtimeErrorCodes);
