import { type ErrorFactory, errorFactory, runtimeContractErrorCodes } from '@hotswap/core';

/**
 * Codes that an engine in a child process raises besides those of every runtime. Message templates name what happened, why,
 * and what to do next.
 * @public
 */
export const childErrorCodes = {
  HS_RUNTIME_CRASHED: {
    message:
      'The process of the {engine} engine ended ({how}) while it served the call. A fresh one takes the next calls; send this one again if that is safe',
    httpStatus: 503,
    retryable: true,
  },
  HS_RUNTIME_CHILD_PROTOCOL_BROKEN: {
    message:
      'The process of the {engine} engine broke the protocol and was ended: {how}. A fresh one takes the next calls; send this one again if that is safe, and build the program of the engine anew if it goes on',
    httpStatus: 503,
    retryable: true,
  },
  HS_RUNTIME_CHILD_MISSING: {
    message:
      'The program of the {engine} engine is not there; tried {tried}. Build it as the README of its package says, or name it in {variable}',
    httpStatus: 500,
  },
  HS_RUNTIME_CHILD_FAILED: {
    message: 'The process of the {engine} engine cannot be used: {why}',
    httpStatus: 500,
  },
  HS_RUNTIME_CHILD_INVALID_OPTIONS: {
    message: 'The option {option} of the {engine} runtime is not valid: {why}',
    httpStatus: 500,
  },
} as const;

/** Everything that an engine in a child process raises. @public */
export const runtimeChildErrorCodes: typeof runtimeContractErrorCodes & typeof childErrorCodes = {
  ...runtimeContractErrorCodes,
  ...childErrorCodes,
};

/** Union of the codes of an engine in a child process. @public */
export type RuntimeChildErrorCode = keyof typeof runtimeChildErrorCodes;

/** Errors with the codes that this package raises. @internal */
export const runtimeChildError: ErrorFactory<typeof runtimeChildErrorCodes> = errorFactory(runtimeChildErrorCodes);
